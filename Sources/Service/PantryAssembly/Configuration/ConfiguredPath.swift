/// Paths as the configuration writes them.
enum ConfiguredPath {
    static func check(_ path: String) throws(ValueComplaint) {
        if path.isEmpty { throw ValueComplaint("must not be empty") }
        if path.hasPrefix("~") { throw ValueComplaint("must not start with ~, which is not expanded here") }
        if path.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw ValueComplaint("must not hold control characters")
        }
    }

    /// The absolute path of `path` seen from `directory`, which is absolute. `..` stays: behind a symbolic link, only
    /// the file system knows where it leads.
    static func resolve(_ path: String, under directory: String) -> String {
        let joined = path.hasPrefix("/") ? path : directory + "/" + path
        return "/" + joined.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
