import Determinism
import Messaging
import Sagas

package enum OrganizationKind: IdentifierKind { package static let prefix = "org" }
package enum OrderKind: IdentifierKind { package static let prefix = "ord" }
package enum PaymentKind: IdentifierKind { package static let prefix = "pay" }
package enum RefundKind: IdentifierKind { package static let prefix = "ref" }
package enum ReservationKind: IdentifierKind { package static let prefix = "res" }
package enum MovementKind: IdentifierKind { package static let prefix = "mov" }
package enum APIKeyKind: IdentifierKind { package static let prefix = "key" }
package enum SessionKind: IdentifierKind { package static let prefix = "ses" }

package typealias OrganizationID = Identifier<OrganizationKind>
package typealias OrderID = Identifier<OrderKind>
package typealias PaymentID = Identifier<PaymentKind>
package typealias RefundID = Identifier<RefundKind>
package typealias ReservationID = Identifier<ReservationKind>
package typealias MovementID = Identifier<MovementKind>
package typealias APIKeyID = Identifier<APIKeyKind>
package typealias SessionID = Identifier<SessionKind>

/// One of 4096 parts that organizations fall into; every id of an organization's things carries its slot.
package enum Slot {
    /// SplitMix64's finalizer over the number, so that neighbours in number are no neighbours in slot.
    package static func of(organization number: Int64) -> UInt16 {
        var z = UInt64(bitPattern: number) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return UInt16((z ^ (z >> 31)) & 0xFFF)
    }
}
