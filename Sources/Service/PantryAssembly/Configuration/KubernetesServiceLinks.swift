/// Variables that Kubernetes puts into every container for each Service of the namespace.
///
/// A Service named `pantry` becomes `PANTRY_SERVICE_HOST`, `PANTRY_PORT_8080_TCP` and more: nobody wrote them, and they
/// must not stop the start as unknown keys. See "Discovering services" in the Kubernetes documentation.
enum KubernetesServiceLinks {
    /// Whether this environment is that of a container in Kubernetes.
    static func mayOccur(in environment: [String: String]) -> Bool { environment["KUBERNETES_SERVICE_HOST"] != nil }

    static func isLink(_ name: String, value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
            return true
        }
        if name.hasSuffix("_PORT"), isAddress(value) { return true }
        // PANTRY_PORT_8080_TCP and the same with _PROTO, _PORT or _ADDR
        let words = name.split(separator: "_").map(String.init)
        guard let port = words.lastIndex(where: { $0 == "TCP" || $0 == "UDP" || $0 == "SCTP" }), port >= 2 else {
            return false
        }
        return Int(words[port - 1]) != nil && words[port - 2] == "PORT" && words.count - port <= 2
    }

    /// Whether a value is of the form `tcp://10.0.0.1:80`, which a link has and no port number.
    static func isAddress(_ value: String) -> Bool {
        ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
    }
}
