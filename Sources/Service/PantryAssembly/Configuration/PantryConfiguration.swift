import RateLimiting

/// Every setting of a Pantry server, checked and with defaults filled in.
///
/// `ConfigurationLoader` makes it; `docs/configuration.md` says what each setting means. A value that exists here is
/// one that this version supports: what is only planned is refused while loading and has no case in these types.
package struct PantryConfiguration: Sendable, Equatable {
    package var server: Server
    package var data: Data
    /// The operator's token, or nil if one is to be generated at the first start and kept in `data.directory`.
    package var operatorToken: String?
    package var control: Control
    package var sharding: Sharding
    package var shards: [Shard]
    package var pool: Pool
    package var cache: Cache
    package var bus: Bus
    package var payments: Payments
    package var checkout: Checkout
    package var notifications: Notifications
    package var alerts: Alerts
    package var limits: Limits

    package struct Server: Sendable, Equatable {
        package var host: String
        /// 0 asks the system for any free port.
        package var port: Int
        /// IP addresses and CIDR blocks, checked, whose forwarded client addresses are believed.
        package var trustedProxies: [String]
        /// How long `/readyz` answers 503 on shutdown while requests are still served.
        package var drain: Duration
        /// The process has ended this long after SIGTERM; at least `drain` and one second.
        package var shutdownTimeout: Duration
        /// The largest request body in bytes.
        package var maxBody: Int
        /// The most requests that are answered at a time.
        package var maxInFlight: Int
    }

    package struct Data: Sendable, Equatable {
        /// Absolute path of the directory with the SQLite files and the generated operator token.
        package var directory: String
    }

    package struct Control: Sendable, Equatable {
        package var url: DatabaseURL
    }

    package struct Sharding: Sendable, Equatable {
        package var strategy: Strategy

        package enum Strategy: String, Sendable, CaseIterable {
            case hash
        }
    }

    package struct Shard: Sendable, Equatable {
        package var name: String
        package var primary: DatabaseURL
        package var replicas: [DatabaseURL]
        /// The organizations' numbers that live here, for strategy `range`.
        package var organizations: ClosedRange<Int>?
        /// The region of the organizations that live here, for strategy `region`.
        package var region: String?
    }

    package struct Pool: Sendable, Equatable {
        /// Connections per primary or replica, in this process.
        package var limit: Int
        /// How long a caller waits for a connection.
        package var timeout: Duration
    }

    package struct Cache: Sendable, Equatable {
        package var url: CacheURL
    }

    package struct Bus: Sendable, Equatable {
        package var url: BusURL
    }

    package struct Payments: Sendable, Equatable {
        package var provider: Provider
        package var timeout: Duration
        /// The share of failures that opens the breaker, 1–100 percent.
        package var errorThreshold: Int
        /// How long the breaker stays open before it lets a trial call through.
        package var resetTimeout: Duration
        package var url: String?
        package var key: String?
        /// What the provider signs its webhooks with; two while they are being exchanged.
        package var webhookSecrets: [String]

        package enum Provider: String, Sendable, CaseIterable {
            case sandbox
            case stripe
        }
    }

    package struct Checkout: Sendable, Equatable {
        package var style: Style
        /// How long a POST of an order waits for its outcome before it answers 202.
        package var wait: Duration
        /// How long stock stays reserved for an order that is not settled.
        package var holdTime: Duration
        /// How long an order may wait for a failing payment provider.
        package var queueTime: Duration
        /// The share of a product's stock that queued orders may hold, 0–100 percent.
        package var maxQueuedShare: Int

        package enum Style: String, Sendable, CaseIterable {
            case orchestration
        }
    }

    package struct Notifications: Sendable, Equatable {
        /// Whether webhooks may go to loopback, link-local and private addresses.
        package var allowPrivateTargets: Bool
        /// The first retry's delay; later ones grow from it.
        package var retryBase: Duration
    }

    package struct Alerts: Sendable, Equatable {
        /// Where alerts are posted, or nil for nowhere.
        package var webhook: String?
    }

    package struct Limits: Sendable, Equatable {
        /// The plan of an organization that was made without one.
        package static let defaultPlan = "standard"

        /// The plan of addresses whose requests show no valid credentials; only its requests count.
        package static let anonymousPlan = "anonymous"

        package var plans: [String: Plan]
        /// How answers tell of limits.
        package var headers: Headers
        package var whenStoreIsAway: StoreLoss

        package enum Headers: String, Sendable, CaseIterable {
            case current
            case draft7 = "draft-7"
            case draft6 = "draft-6"
            case none
        }

        /// What becomes of requests while the store of limits is away.
        package struct StoreLoss: Sendable, Equatable {
            package var requests: StoreLossPolicy
            package var orders: StoreLossPolicy
        }
    }
}

extension PantryConfiguration: CustomStringConvertible, CustomReflectable {
    /// Says little on purpose: a configuration that is interpolated into a log line must not spill its secrets.
    package var description: String { "PantryConfiguration(\(shards.count) shards, \(limits.plans.count) plans)" }

    package var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
