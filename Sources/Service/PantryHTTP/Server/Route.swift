import HTTPTypes

/// Who may call a route.
package enum Access: Sendable, Equatable {
    /// Anyone; an `Authorization` header is not even looked at.
    case open
    /// The operator's token only; an organization's key gets 403.
    case operatorOnly
    /// An organization's key or session of at least this role; the operator's token gets 403, because a route of an
    /// organization has no organization to act on then.
    case organization(AccessRole)
}

/// What a credential may do, weakest first.
package enum AccessRole: Int, Sendable, Comparable, CaseIterable {
    case read
    case write
    case admin

    package static func < (lhs: AccessRole, rhs: AccessRole) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}

/// One method on one path pattern, and what the server checks before its handler runs.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Call) async throws -> Reply

    /// A body in parts. `Call.body` is empty then.
    package struct Streaming: Sendable {
        package typealias Handler = @Sendable (Call, inout BodyStream) async throws -> Reply

        /// How long the body may bring nothing. There is no limit for all of it but its size.
        package var stall: Duration
        package var handler: Handler

        package init(stall: Duration, handler: @escaping Handler) {
            (self.stall, self.handler) = (stall, handler)
        }
    }

    /// `bodyKinds` of a route that takes any media type, or none, such as a signed webhook.
    package static let anyBody = ["*/*"]

    package var method: HTTPRequest.Method
    /// `/v1/orders/{id}`: a segment in braces is a parameter, and every other one is taken literally.
    package var pattern: String
    package var access: Access
    /// Media types that a body may have, without parameters. When it is empty, a body is read and thrown away.
    package var bodyKinds: [String]
    /// The largest body in bytes, where it differs from the server's.
    package var maxBody: Int?
    package var handler: Handler
    /// How the body is taken as it comes, instead of as a whole before the handler runs.
    package var streaming: Streaming?
    /// What a request is charged to.
    package var limiting = Limiting.request
    /// Whether it finishes something that was begun, or decides about it. Then it may use all of the room that a server
    /// has, and other routes a part of it. What the operator does is always of this kind.
    package private(set) var isFinishing: Bool

    /// Whether its clients may wait for long, for what is to come. They have places of their own, and their handler has
    /// a `Call.listener` with which it waits.
    package private(set) var isListening = false

    /// Which limits a request is charged to. The operator has none.
    package enum Limiting: Sendable {
        /// Never limited, and served however much there is to do: probes, metrics.
        case exempt
        /// Not charged to anybody, because it carries its own proof: signed webhooks.
        case signed
        /// Charged to the organization, or to the address of who shows no credentials.
        case request
        /// A request that begins an order, which has a limit of its own.
        case newOrder
    }

    /// The same route, limited in another way.
    package func limited(as limiting: Limiting) -> Route {
        var route = self
        route.limiting = limiting
        return route
    }

    /// The same route, as one that finishes what was begun.
    package func finishing() -> Route {
        var route = self
        route.isFinishing = true
        return route
    }

    /// The same route, as one whose clients wait for what is to come. Its handler does no long work of its own.
    package func listening() -> Route {
        var route = self
        route.isListening = true
        return route
    }

    /// - Parameter bodyKinds: nil means `application/json` for POST, PUT and PATCH, and no body for other methods.
    package init(
        _ method: HTTPRequest.Method, _ pattern: String, access: Access, bodyKinds: [String]? = nil,
        maxBody: Int? = nil, handler: @escaping Handler
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.bodyKinds = bodyKinds ?? Self.usualBodyKinds(of: method)
        self.maxBody = maxBody
        self.handler = handler
        isFinishing = access == .operatorOnly
    }

    /// A route whose handler reads the body itself, as it comes.
    package init(
        _ method: HTTPRequest.Method, _ pattern: String, access: Access, bodyKinds: [String], maxBody: Int,
        streaming: Streaming
    ) {
        self.init(method, pattern, access: access, bodyKinds: bodyKinds, maxBody: maxBody) { _ in
            throw Problem.internal
        }
        self.streaming = streaming
    }

    private static func usualBodyKinds(of method: HTTPRequest.Method) -> [String] {
        switch method {
        case .post, .put, .patch: ["application/json"]
        default: []
        }
    }
}
