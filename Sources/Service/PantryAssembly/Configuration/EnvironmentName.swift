/// The environment's name of a key: `payments.errorThreshold` is `PANTRY_PAYMENTS_ERROR_THRESHOLD`.
enum EnvironmentName {
    static let prefix = "PANTRY_"

    /// Dots and camelCase borders become `_`, as in swift-configuration's own encoder, which reads them.
    static func of(path: String) -> String {
        var name = prefix
        var previous: Character?
        for character in path {
            if character == "." {
                name.append("_")
            } else {
                if character.isUppercase, previous?.isLowercase == true { name.append("_") }
                name.append(contentsOf: character.uppercased())
            }
            previous = character
        }
        return name
    }
}
