/// A setting that cannot be, and what would be right.
public struct RateLimitConfigurationError: Error, Hashable, CustomStringConvertible {
    /// The name of the setting, such as `capacity`.
    public let setting: String
    /// What is wrong with it, and what would be right.
    public let problem: String

    /// An error about one setting.
    public init(setting: String, problem: String) { (self.setting, self.problem) = (setting, problem) }

    /// Such as `capacity is 0; it must be in 1...1099511627776`.
    public var description: String { "\(setting) \(problem)" }

    static func check(
        _ value: Int64, _ setting: String, in range: ClosedRange<Int64>
    ) throws(RateLimitConfigurationError) {
        if !range.contains(value) {
            throw RateLimitConfigurationError(
                setting: setting, problem: "is \(value); it must be in \(range.lowerBound)...\(range.upperBound)")
        }
    }

    static func check(
        _ duration: Duration, _ setting: String, in range: ClosedRange<Duration>
    ) throws(RateLimitConfigurationError) {
        if !range.contains(duration) {
            throw RateLimitConfigurationError(
                setting: setting, problem: "is \(duration); it must be in \(range.lowerBound)...\(range.upperBound)")
        }
    }
}
