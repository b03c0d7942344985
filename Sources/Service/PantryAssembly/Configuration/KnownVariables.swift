/// `PANTRY_` variables that are no keys of the schema: other parts of Pantry read them, so they are not typos.
enum KnownVariables {
    /// Names the configuration file when there is no `--config`.
    static let file = "PANTRY_CONFIG"

    /// Names the file that spans are appended to.
    static let traceFile = "PANTRY_TRACE_FILE"

    static let all: [String] = [
        file, traceFile, "PANTRY_URL", "PANTRY_TOKEN", "PANTRY_FAULT_POINT", "PANTRY_FAULT_LOG", "PANTRY_LOG_LEVEL",
        "PANTRY_TEST_LONG",
    ]
}
