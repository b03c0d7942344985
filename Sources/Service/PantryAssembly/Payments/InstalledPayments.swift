import Determinism
import PantryDomain
import Retrying
import Sagas
import Storage
import StripeDriver
import Tracing

/// The payment provider of the configuration, with what belongs to it.
package struct InstalledPayments: Sendable {
    /// What an order's `paymentMethod` may be.
    package enum Methods: Sendable, Hashable {
        /// One of these; the first one if an order names none.
        case known([String])
        /// An id of the provider's that begins so; an order names one.
        case prefixed(String)
    }
    /// Reads a webhook's signature and body; nil for one that is about no order of ours.
    package typealias Webhook =
        @Sendable (_ signature: String?, _ body: [UInt8]) throws(ProviderNoticeError) -> ProviderNotice?

    /// The most connections to a provider, and so the most calls under way: a call makes its requests one after the
    /// other. The driver's own default.
    static let connectionLimit = 32

    let provider: any PaymentProvider
    /// Bounds the calls under way by the provider's connections. nil for the sandbox, which has none: its calls are
    /// commands of a lane, which has a limit of its own and is the faster the more of them it takes together.
    let bulkhead: Bulkhead?
    /// How long a call may take, the wait for its place included.
    let callLimit: Duration
    package let methods: Methods
    /// By the provider's name.
    package let webhooks: [String: Webhook]
    private let stripe: StripePayments?

    /// - Parameters:
    ///   - sandbox: the lane of the sandbox's books, where that is the provider.
    ///   - instrument: tells the provider which trace a call belongs to; nil where nothing is traced.
    static func open(
        _ configuration: PantryConfiguration.Payments, sandbox: WriteLane?, time: any TimeSource,
        instrument: (any Instrument)?
    ) throws(AssemblyError) -> InstalledPayments {
        switch configuration.provider {
        case .sandbox:
            guard let sandbox else { throw AssemblyError("the sandbox provider has no books") }
            return InstalledPayments(
                provider: SandboxProvider(lane: sandbox, time: time), bulkhead: nil,
                callLimit: configuration.timeout, methods: .known(SandboxProvider.methods),
                webhooks: [:], stripe: nil)
        case .stripe:
            let payments = try stripe(configuration, time: time, instrument: instrument)
            let webhook = StripeWebhook(secrets: configuration.webhookSecrets.map { StripeSecret($0) }, time: time)
            return InstalledPayments(
                provider: StripeProvider(payments: payments),
                bulkhead: bulkhead(longestWait: configuration.timeout, time: time),
                callLimit: configuration.timeout * 2, methods: .prefixed("pm_"),
                webhooks: [
                    "stripe": { signature, body throws(ProviderNoticeError) in
                        try webhook.notice(signature: signature, body: body)
                    }
                ], stripe: payments)
        }
    }

    /// Each saga at work makes one call at a time: a shard's all find room to wait.
    private static func bulkhead(longestWait: Duration, time: any TimeSource) -> Bulkhead {
        Bulkhead(
            limit: connectionLimit, queue: SagaCoordinatorConfiguration().concurrencyLimit, longestWait: longestWait,
            name: "payments", timer: .of(time))
    }

    private static func stripe(
        _ configuration: PantryConfiguration.Payments, time: any TimeSource, instrument: (any Instrument)?
    ) throws(AssemblyError) -> StripePayments {
        var stripe = StripeConfiguration(secretKey: StripeSecret(configuration.key ?? ""))
        stripe.metadataPrefix = StripeProvider.metadataPrefix
        // A call makes two requests or more, and is bounded as a whole.
        stripe.requestTimeout = configuration.timeout
        // Whoever has a place in the bulkhead finds a connection, and waits for none on the provider's account.
        stripe.connectionLimit = connectionLimit
        if var url = configuration.url {
            while url.hasSuffix("/") { url.removeLast() }
            stripe.baseURL = url
            // A simulator on this machine: the key goes nowhere.
            stripe.allowsPlainHTTP = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].contains {
                url.hasPrefix($0)
            }
        }
        do throws(StripeConfigurationError) {
            return try StripePayments(configuration: stripe, time: time, instrument: instrument)
        } catch { throw AssemblyError("payments: \(error)") }
    }

    func close() async { await stripe?.shutdown() }
}
