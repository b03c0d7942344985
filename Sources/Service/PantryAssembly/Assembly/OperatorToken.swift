import Determinism
import PantryDomain

/// The operator's token: the configured one, or one that the first start makes and keeps in the data directory.
package enum OperatorToken {
    package static func path(_ configuration: PantryConfiguration) -> String {
        "\(configuration.data.directory)/operator-token"
    }

    static func load(_ configuration: PantryConfiguration, random: any RandomSource) throws(AssemblyError) -> String {
        if let token = try known(configuration) { return token }
        var bytes: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
        let token = "pantry_operator_\(Base64URL.encode(bytes))"
        try DataDirectory.writeSecret(token, to: path(configuration))
        return token
    }

    /// The token if there is one yet.
    package static func known(_ configuration: PantryConfiguration) throws(AssemblyError) -> String? {
        if let token = configuration.operatorToken { return token }
        guard let token = try DataDirectory.readSecret(path(configuration)), token.utf8.count >= 16 else { return nil }
        return token
    }
}
