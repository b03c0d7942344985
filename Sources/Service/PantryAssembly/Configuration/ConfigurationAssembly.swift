extension SettingReader {
    /// Reads every key in the schema's order, and resolves the paths.
    mutating func configuration(workingDirectory: String) -> PantryConfiguration {
        typealias Schema = ConfigurationSchema
        let server = PantryConfiguration.Server(
            host: value(of: Schema.serverHost), port: value(of: Schema.serverPort),
            trustedProxies: value(of: Schema.serverTrustedProxies), drain: value(of: Schema.serverDrain),
            shutdownTimeout: value(of: Schema.serverShutdownTimeout), maxBody: value(of: Schema.serverMaxBody),
            maxInFlight: value(of: Schema.serverMaxInFlight))
        let directory = ConfiguredPath.resolve(value(of: Schema.dataDirectory), under: workingDirectory)
        let operatorToken = value(of: Schema.operatorToken)
        let control = value(of: Schema.controlURL).resolved(under: directory)
        let strategy = value(of: Schema.shardingStrategy)
        var shards = shards()
        for index in shards.indices { shards[index].primary = shards[index].primary.resolved(under: directory) }
        return PantryConfiguration(
            server: server,
            data: PantryConfiguration.Data(directory: directory),
            operatorToken: operatorToken,
            control: PantryConfiguration.Control(url: control),
            sharding: PantryConfiguration.Sharding(strategy: strategy),
            shards: shards,
            pool: PantryConfiguration.Pool(
                limit: value(of: Schema.poolLimit), timeout: value(of: Schema.poolTimeout)),
            cache: PantryConfiguration.Cache(url: value(of: Schema.cacheURL)),
            bus: PantryConfiguration.Bus(url: value(of: Schema.busURL)),
            payments: PantryConfiguration.Payments(
                provider: value(of: Schema.paymentsProvider), timeout: value(of: Schema.paymentsTimeout),
                errorThreshold: value(of: Schema.paymentsErrorThreshold),
                resetTimeout: value(of: Schema.paymentsResetTimeout), url: value(of: Schema.paymentsURL),
                key: value(of: Schema.paymentsKey), webhookSecrets: value(of: Schema.paymentsWebhookSecrets)),
            checkout: PantryConfiguration.Checkout(
                style: value(of: Schema.checkoutStyle), wait: value(of: Schema.checkoutWait),
                holdTime: value(of: Schema.checkoutHoldTime), queueTime: value(of: Schema.checkoutQueueTime),
                maxQueuedShare: value(of: Schema.checkoutMaxQueuedShare)),
            notifications: PantryConfiguration.Notifications(
                allowPrivateTargets: value(of: Schema.notificationsAllowPrivateTargets),
                retryBase: value(of: Schema.notificationsRetryBase)),
            alerts: PantryConfiguration.Alerts(webhook: value(of: Schema.alertsWebhook)),
            limits: PantryConfiguration.Limits(
                plans: plans(), headers: value(of: Schema.limitsHeaders),
                whenStoreIsAway: PantryConfiguration.Limits.StoreLoss(
                    requests: value(of: Schema.limitsAwayRequests), orders: value(of: Schema.limitsAwayOrders))))
    }

    /// Notes what is wrong between values that are right alone. Values that were refused do not count.
    mutating func checkTogether(_ configuration: PantryConfiguration) {
        let server = configuration.server
        let refused = Set(problems.map(\.path))
        if server.shutdownTimeout < server.drain + .seconds(1),
            refused.isDisjoint(with: ["server.drain", "server.shutdownTimeout"])
        {
            // The default cannot be wrong, so the value that was given is.
            let timeoutOrigin = origin(of: "server.shutdownTimeout")
            let path = timeoutOrigin == .builtIn ? "server.drain" : "server.shutdownTimeout"
            note(
                origin(of: path), path, shownValue(of: path),
                "server.shutdownTimeout (\(DurationText.format(server.shutdownTimeout))) must be at least "
                    + "server.drain (\(DurationText.format(server.drain))) and 1s")
        }
        if configuration.payments.provider == .stripe, configuration.payments.key == nil,
            refused.isDisjoint(with: ["payments.provider", "payments.key"])
        {
            note(
                origin(of: "payments.provider"), "payments.key", nil,
                "is missing: payments.provider stripe needs its secret key")
        }
        var users = [configuration.control.url: "control.url"]
        for (index, shard) in configuration.shards.enumerated() {
            let path = "shards[\(index)].primary"
            if refused.contains(path) || refused.contains("control.url") { continue }
            if let other = users.updateValue(path, forKey: shard.primary) {
                note(
                    origin(of: path), path, shownValue(of: path),
                    "is the same database as \(other); each needs its own")
            }
        }
    }

    /// What does no harm but probably is not what was meant.
    func warnings(_ configuration: PantryConfiguration, isWorldReadable: Bool) -> [String] {
        var warnings: [String] = []
        for setting in settings {
            guard case .file = setting.origin else { continue }
            if isWorldReadable, secrets.contains(setting.path) {
                warnings.append(
                    "\(setting.origin): \(setting.path) is a secret in a file that everyone on this machine may read; "
                        + "chmod 600 \(file)")
            }
            if setting.path.hasSuffix("].organizations") || setting.path.hasSuffix("].region") {
                warnings.append(
                    "\(setting.origin): \(setting.path) has no effect with sharding.strategy "
                        + configuration.sharding.strategy.rawValue)
            }
        }
        let ofStripe =
            configuration.payments.provider == .stripe
            ? [] : ["payments.url", "payments.key", "payments.webhookSecrets"]
        for path in ofStripe where origin(of: path) != .builtIn {
            warnings.append(
                "\(origin(of: path)): \(path) has no effect with payments.provider "
                    + configuration.payments.provider.rawValue)
        }
        if configuration.payments.provider == .stripe, configuration.payments.webhookSecrets.isEmpty {
            warnings.append(
                "payments.webhookSecrets is empty: no webhook of Stripe's is believed, and orders settle later")
        }
        return warnings
    }
}
