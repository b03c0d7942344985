/// How Stripe is spoken to.
public struct StripeConfiguration: Sendable {
    /// The API key; a restricted one that may write payment intents and refunds is enough.
    public var secretKey: StripeSecret
    /// Where Stripe is, without a slash at the end. Another address is for tests.
    public var baseURL = "https://api.stripe.com"
    /// Allows `http://`, which shows the key to the network. For tests only.
    public var allowsPlainHTTP = false
    /// The version of the API that answers are read by, whatever the account's default is.
    public var apiVersion = "2025-03-31.basil"
    /// What the names of the metadata begin with: `caller` makes `caller_key` and `caller_reference`. Must not change
    /// while there are charges that are not settled.
    public var metadataPrefix = "caller"
    /// How long opening a connection may take, TLS included.
    public var connectTimeout: Duration = .seconds(3)
    /// How long one request may take until its answer is complete, including the connection. A call makes up to eight
    /// requests, usually two.
    public var requestTimeout: Duration = .seconds(15)
    /// How long after a charge or refund was begun its idempotency keys are relied upon. Stripe keeps keys for at least
    /// 24 hours; what is subtracted is the lag of the search (an hour in an outage) and of clocks. At most 22 hours.
    public var keyLifetime: Duration = .seconds(22 * 3600)
    /// The most connections that are open at a time.
    public var connectionLimit = 32
    /// How long an unused connection stays open; less than Stripe's own limit, so that few requests meet its end.
    public var idleTimeout: Duration = .seconds(20)
    /// The longest answer that is read, in bytes.
    public var answerLimit = 1 << 20

    /// The defaults, with a key.
    public init(secretKey: StripeSecret) { self.secretKey = secretKey }

    /// Finds what cannot work before the first charge does.
    /// - Throws: the first setting that is wrong. The error never holds the key.
    public func validate() throws(StripeConfigurationError) {
        func require(_ condition: Bool, _ code: StripeConfigurationError.Code) throws(StripeConfigurationError) {
            if !condition { throw StripeConfigurationError(code: code) }
        }
        try require(secretKey.isWellFormed, .secretKey)
        let isSecure = baseURL.hasPrefix("https://")
        try require(isSecure || allowsPlainHTTP && baseURL.hasPrefix("http://"), .baseURL)
        try require(baseURL.isVisibleASCII && !baseURL.hasSuffix("/") && !baseURL.contains("@"), .baseURL)
        try require((1...40).contains(apiVersion.utf8.count) && apiVersion.isVisibleASCII, .apiVersion)
        let isName = metadataPrefix.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") }
        try require(isName && (1...20).contains(metadataPrefix.utf8.count), .metadataPrefix)
        try require(connectTimeout > .zero && requestTimeout > .zero && idleTimeout > .zero, .timeout)
        try require(keyLifetime > .zero && keyLifetime <= .seconds(22 * 3600), .keyLifetime)
        try require((1...1_000).contains(connectionLimit), .connectionLimit)
        try require((1 << 10...64 << 20).contains(answerLimit), .answerLimit)
    }

    var keyField: String { metadataPrefix + "_key" }
    var referenceField: String { metadataPrefix + "_reference" }
}

/// A setting that cannot work.
public struct StripeConfigurationError: Error, Hashable, CustomStringConvertible {
    /// Which one.
    public enum Code: String, Sendable {
        /// No key, or one that no header can hold.
        case secretKey = "the secret key is no Stripe key"
        /// Not `https://`, or `http://` without ``StripeConfiguration/allowsPlainHTTP``.
        case baseURL = "the base URL must begin with https:// and end without a slash"
        /// Empty or no text for a header.
        case apiVersion = "the API version is empty or too long"
        /// Not 1 to 20 small letters and underscores.
        case metadataPrefix = "the metadata prefix must be 1 to 20 small letters"
        /// Not positive.
        case timeout = "timeouts must be positive"
        /// Longer than what Stripe promises.
        case keyLifetime = "the lifetime of keys must be at most 22 hours"
        /// Not 1 to 1,000.
        case connectionLimit = "there must be 1 to 1,000 connections"
        /// Not 1 KiB to 64 MiB.
        case answerLimit = "answers must be limited to 1 KiB to 64 MiB"
    }
    /// Which setting.
    public let code: Code
    /// One line for a log.
    public var description: String { "Stripe: \(code.rawValue)" }
}
