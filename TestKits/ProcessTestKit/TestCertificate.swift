import Foundation

/// A certificate and its private key, in PEM files that the `openssl` command makes for a test.
public struct TestCertificate: Sendable, Hashable {
    /// The certificate.
    public let certificateFile: URL
    /// Its key, without a passphrase.
    public let keyFile: URL

    /// What a server on this machine is reached by.
    public static let loopbackNames = ["DNS:localhost", "IP:127.0.0.1"]

    /// The files `NAME.crt` and `NAME.key` of that folder, which need not be there yet.
    public init(_ name: String, in folder: URL) {
        certificateFile = folder.appendingPathComponent("\(name).crt")
        keyFile = folder.appendingPathComponent("\(name).key")
    }

    /// The arguments of `openssl` that make one which is its own authority, valid for ten years.
    /// - Parameters:
    ///   - subject: its common name.
    ///   - names: such as `DNS:localhost`.
    public func selfSigningArguments(subject: String = "localhost", names: [String] = loopbackNames) -> [String] {
        ["req", "-x509", "-days", "3650"] + requestArguments(subject, names) + ["-out", certificateFile.path]
    }

    /// A new key, and who has it.
    fileprivate func requestArguments(_ subject: String, _ names: [String]) -> [String] {
        var arguments = [
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(subject)",
            "-keyout", keyFile.path,
        ]
        if !names.isEmpty { arguments += ["-addext", "subjectAltName=\(names.joined(separator: ","))"] }
        return arguments
    }
}

/// An authority that signs certificates for a test, and is trusted by nobody who is not told to.
public struct TestAuthority: Sendable {
    /// Where its files and those of the certificates are.
    public let folder: URL
    /// Its own.
    public let certificate: TestCertificate

    /// Makes one, as `NAME.crt` and `NAME.key` of a folder that is there.
    /// - Throws: ``SpawnError`` when `openssl` fails.
    public init(_ name: String = "ca", in folder: URL) async throws {
        self.folder = folder
        certificate = TestCertificate(name, in: folder)
        try await Self.openssl(
            certificate.selfSigningArguments(subject: "Test authority \(name)", names: [])
                + ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"])
    }

    /// Makes a key and signs a certificate for it.
    /// - Parameters:
    ///   - file: the name of its files.
    ///   - names: such as `DNS:localhost`.
    ///   - days: how long it is valid; below zero for one that was.
    /// - Throws: ``SpawnError`` when `openssl` fails.
    public func issue(
        _ file: String, names: [String] = TestCertificate.loopbackNames, days: Int = 3_650
    ) async throws -> TestCertificate {
        let issued = TestCertificate(file, in: folder)
        let request = folder.appendingPathComponent("\(file).csr").path
        try await Self.openssl(["req", "-new"] + issued.requestArguments(file, names) + ["-out", request])
        try await Self.openssl([
            "x509", "-req", "-in", request, "-CA", certificate.certificateFile.path, "-CAkey",
            certificate.keyFile.path, "-days", "\(days)", "-copy_extensions", "copyall", "-out",
            issued.certificateFile.path,
        ])
        return issued
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result = try await Program.run("/usr/bin/env", ["openssl"] + arguments)
        guard result.exit.isSuccess else {
            throw SpawnError(description: "openssl \(result.exit): \(result.errors.suffix(1_000))")
        }
    }
}
