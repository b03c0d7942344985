import Determinism

extension Duration {
    /// As answers write durations: whole milliseconds, rounded towards zero.
    var inMilliseconds: Int64 { inMicroseconds / 1_000 }
}
