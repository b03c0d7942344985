import RateLimiting

/// Every key of the configuration: its type, default, check and meaning.
///
/// The loader reads by these values only, `docs/configuration.md` is made from them, and a test compares the two.
package enum ConfigurationSchema {
    static let serverHost = SettingKey("server.host", .host, default: "127.0.0.1", "where to listen")
    static let serverPort = SettingKey(
        "server.port", .whole(0...65535), default: "8080", "port to listen on; 0 takes any free one")
    static let serverTrustedProxies = SettingKey.list(
        "server.trustedProxies", of: .network, "whose `X-Forwarded-For` headers are believed")
    static let serverDrain = SettingKey(
        "server.drain", .duration(.zero ... .seconds(3600)), default: "2s",
        "on SIGTERM, how long `/readyz` is 503 while requests are still served")
    static let serverShutdownTimeout = SettingKey(
        "server.shutdownTimeout", .duration(.seconds(1) ... .seconds(7200)), default: "20s",
        "the process ends within this time; at least `server.drain` and 1s")
    static let serverMaxBody = SettingKey(
        "server.maxBody", .whole(1024...67_108_864, unit: " (bytes)"), default: "1048576", "largest request body")
    static let serverMaxInFlight = SettingKey(
        "server.maxInFlight", .whole(1...1_000_000), default: "2048",
        "requests answered at a time; the last fifth is kept for those that finish what was begun")

    static let dataDirectory = SettingKey(
        "data.directory", .directory, default: "./pantry-data",
        "SQLite files and the generated operator token; relative to the working directory")
    static let operatorToken = SettingKey(
        "operator.token", .token, fallback: nil, "the operator's credential; generated at first start if absent")
    static let controlURL = SettingKey(
        "control.url", .database, default: "sqlite:control.db",
        "control database; a relative path is under `data.directory`")
    static let shardingStrategy = SettingKey(
        "sharding.strategy", ValueFormat<PantryConfiguration.Sharding.Strategy>.choice(later: ["range", "region"]),
        default: "hash", "how organizations are spread over the shards")

    static let poolLimit = SettingKey(
        "pool.limit", .whole(1...10_000), default: "20", "connections per primary or replica and process")
    static let poolTimeout = SettingKey(
        "pool.timeout", .duration(.milliseconds(1) ... .seconds(3600)), default: "10s",
        "how long a caller waits for a connection")
    static let cacheURL = SettingKey(
        "cache.url", .cache, default: "memory:", "where rate limits are kept: for each process, or for all")
    static let busURL = SettingKey("bus.url", .bus, default: "local:", "what carries events between processes")

    static let paymentsProvider = SettingKey(
        "payments.provider", ValueFormat<PantryConfiguration.Payments.Provider>.choice(later: []),
        default: "sandbox", "payment provider")
    static let paymentsTimeout = SettingKey(
        "payments.timeout", .duration(.milliseconds(1) ... .seconds(3600)), default: "3s", "limit of one call")
    static let paymentsErrorThreshold = SettingKey(
        "payments.errorThreshold", .whole(1...100, unit: " percent"), default: "50",
        "share of failed calls that opens the breaker")
    static let paymentsResetTimeout = SettingKey(
        "payments.resetTimeout", .duration(.milliseconds(1) ... .seconds(86_400)), default: "30s",
        "how long the breaker stays open before a trial call")
    static let paymentsURL = SettingKey(
        "payments.url", .providerURL, fallback: nil, "the provider's address, if it is not its usual one")
    static let paymentsKey = SettingKey("payments.key", .providerKey, fallback: nil, "the provider's secret key")
    static let paymentsWebhookSecrets = SettingKey.list(
        "payments.webhookSecrets", of: .webhookSecret,
        "what the provider signs its webhooks with; without one none is believed")

    static let checkoutStyle = SettingKey(
        "checkout.style", ValueFormat<PantryConfiguration.Checkout.Style>.choice(later: ["choreography"]),
        default: "orchestration", "who leads a checkout: one saga, or the services by events")
    static let checkoutWait = SettingKey(
        "checkout.wait", .duration(.milliseconds(1) ... .seconds(600)), default: "5s",
        "how long a POST of an order waits for its outcome before 202")
    static let checkoutHoldTime = SettingKey(
        "checkout.holdTime", .duration(.seconds(1) ... .seconds(31_536_000)), default: "15m",
        "how long a charge may be on its way; one that the provider knows nothing of then is not made any more")
    static let checkoutQueueTime = SettingKey(
        "checkout.queueTime", .duration(.seconds(1) ... .seconds(31_536_000)), default: "24h",
        "how long an order waits for a failing payment provider")
    static let checkoutMaxQueuedShare = SettingKey(
        "checkout.maxQueuedShare", .whole(0...100, unit: " percent"), default: "50",
        "share of a product's stock that waiting orders may hold, the one that is to wait among them")

    static let notificationsAllowPrivateTargets = SettingKey(
        "notifications.allowPrivateTargets", .bool.withoutEffect, default: "false",
        "let webhooks go to loopback, link-local and private addresses")
    static let notificationsRetryBase = SettingKey(
        "notifications.retryBase", .duration(.milliseconds(1) ... .seconds(86_400)).withoutEffect, default: "5s",
        "delay of a webhook's first retry")
    static let alertsWebhook = SettingKey(
        "alerts.webhook", .webhook, default: "", "where alerts are posted: breaker opened, saga stuck, shard away")

    static let limitsHeaders = SettingKey(
        "limits.headers", ValueFormat<PantryConfiguration.Limits.Headers>.choice(later: []), default: "current",
        "how answers tell of limits: the present IETF draft, an earlier one that clients may know, or not")
    static let limitsAwayRequests = SettingKey(
        "limits.whenStoreIsAway.requests", ValueFormat<StoreLossPolicy>.choice(later: []), default: "share",
        "while Redis is away each process allows its share of a plan's requests, or all, or none")
    static let limitsAwayOrders = SettingKey(
        "limits.whenStoreIsAway.orders", ValueFormat<StoreLossPolicy>.choice(later: []), default: "share",
        "the same for new orders")
}

extension ConfigurationSchema {
    /// All keys in the order of the reference and of `pantry config explain`.
    package static let entries: [SchemaEntry] =
        [
            serverHost.entry, serverPort.entry, serverTrustedProxies.entry, serverDrain.entry,
            serverShutdownTimeout.entry, serverMaxBody.entry, serverMaxInFlight.entry, dataDirectory.entry,
            operatorToken.entry,
            controlURL.entry, shardingStrategy.entry,
        ] + ShardSchema.entries + [
            poolLimit.entry, poolTimeout.entry, cacheURL.entry, busURL.entry, paymentsProvider.entry,
            paymentsTimeout.entry, paymentsErrorThreshold.entry, paymentsResetTimeout.entry, paymentsURL.entry,
            paymentsKey.entry, paymentsWebhookSecrets.entry, checkoutStyle.entry, checkoutWait.entry,
            checkoutHoldTime.entry,
            checkoutQueueTime.entry, checkoutMaxQueuedShare.entry, notificationsAllowPrivateTargets.entry,
            notificationsRetryBase.entry, alertsWebhook.entry, limitsHeaders.entry, limitsAwayRequests.entry,
            limitsAwayOrders.entry,
        ] + PlanSchema.entries

    /// `PANTRY_` variables that set no key.
    package static var otherVariables: [String] { KnownVariables.all }

    /// The variables that set keys, by their names.
    static let variables: [String: SchemaEntry] = Dictionary(
        uniqueKeysWithValues: entries.compactMap { entry in entry.environmentName.map { ($0, entry) } })
}
