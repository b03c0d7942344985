import Crypto

/// SHA-256 of bytes that come in parts, asked for in between.
package struct RunningDigest: Sendable {
    private var hash = SHA256()

    package init() {}

    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }

    /// Of all bytes so far, in hexadecimal.
    package var hexadecimal: String { Digest.text(of: hash.finalize()) }
}
