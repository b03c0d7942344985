#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The CPU time that this process has used, in seconds.
func processorSeconds() -> Double {
    var reading = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &reading)
    return Double(reading.tv_sec) + Double(reading.tv_nsec) / 1e9
}

/// Hands on what was printed, also where output goes into a pipe.
func flushOutput() { fflush(nil) }

/// Says something beside the answers.
func complain(_ text: String) {
    var bytes = Array("# \(text)\n".utf8)
    _ = write(2, &bytes, bytes.count)
}
