import Foundation
import ProcessTestKit
import RedisDriver
import Testing

@Suite("The URL of Redis")
struct RedisURLTests {
    @Test func allPartsAreRead() throws {
        let full = try RedisConfiguration(
            url: "redis://shop:p%40ss%2Fw%3A@cache.example:6380/3?timeout=250ms&connect_timeout=2s&connections=4"
                + "&in_flight=100&client_name=web&unreachable=wait&stall_timeout=1000")
        #expect(full.endpoint == .host("cache.example", port: 6380))
        #expect(full.user == "shop" && full.password == "p@ss/w:" && full.database == 3)
        #expect(full.commandTimeout == .milliseconds(250) && full.connectTimeout == .seconds(2))
        #expect(full.connectionCount == 4 && full.inFlightLimit == 100 && full.clientName == "web")
        #expect(full.unreachable == .wait && full.stallTimeout == .seconds(1))
        let bare = try RedisConfiguration(url: "redis://localhost")
        #expect(bare.endpoint == .host("localhost", port: 6379))
        #expect(bare.user == nil && bare.password == nil && bare.database == 0 && bare.connectionCount == 2)
        let alone = try RedisConfiguration(url: "redis://:secret@[::1]:7000/")
        #expect(alone.endpoint == .host("::1", port: 7000))
        #expect(alone.user == nil && alone.password == "secret")
        let socket = try RedisConfiguration(url: "unix://:secret@/run/redis.sock?database=2")
        #expect(socket.endpoint == .socket("/run/redis.sock") && socket.database == 2 && socket.password == "secret")
    }

    @Test func noDescriptionHoldsThePassword() throws {
        let configuration = try RedisConfiguration(url: "redis://shop:hunter2@cache/1")
        #expect("\(configuration)" == "redis://shop@cache:6379/1")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"))
        }
    }

    @Test(arguments: [
        ("http://cache", "does not begin with redis://"), ("REDISS://cache", "rediss:// (for TLS)"),
        ("redis://", "names no host"),
        ("redis://cache:0", "port"), ("redis://cache:x", "port"), ("redis://hunter2@cache", "user without a password"),
        ("redis://:a#hunter2@cache", "%23"), ("redis://:a/hunter2@cache", "port"), ("redis://[::1", "no ]"),
        ("redis://[::1]x", "behind the ]"), ("redis://cache/x", "whole number"), ("redis://cache/-1", "whole number"),
        ("redis://cache?speed=1", "no option “speed”"), ("redis://cache?timeout", "has no value"),
        ("redis://cache?timeout=1h", "not a time"), ("redis://cache?timeout=0", "not a time"),
        ("redis://cache?timeout=1s&timeout=2s", "twice"), ("redis://cache?connections=0", "connectionCount"),
        ("redis://cache?unreachable=maybe", "not one of"), ("redis://cache?password=hunter2", "not an option"),
        ("redis://:%zz@cache", "hexadecimal"), ("redis://cache?client_name=a%20b", "blanks"),
        ("unix://host/run/redis.sock", "path that begins with /"),
    ])
    func whatIsWrongIsSaid(url: String, words: String) {
        let error = #expect(throws: RedisConfigurationError.self) { try RedisConfiguration(url: url) }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func optionsOfTLSAreRead() async throws {
        let plain = try RedisConfiguration(url: "redis://:hunter2@cache")
        #expect(plain.tls == nil)
        let bare = try RedisConfiguration(url: "rediss://:hunter2@cache.example?timeout=1s")
        #expect(bare.tls == RedisTLS() && bare.endpoint == .host("cache.example", port: 6379))
        #expect(bare.tls?.verification == .full && bare.commandTimeout == .seconds(1))
        #expect("\(bare)" == "rediss://cache.example:6379/0")
        let blind = try RedisConfiguration(url: "rediss://[::1]:7000/2?verify=none&server_name=cache.example")
        #expect(blind.tls?.verification == RedisTLS.Verification.none && blind.tls?.serverName == "cache.example")
        #expect(blind.endpoint == .host("::1", port: 7000) && blind.database == 2)
        try await TemporaryAuthority.with { certificates in
            let ca = certificates.authority.certificate.certificateFile.path
            let (certificate, key) = (certificates.server.certificateFile.path, certificates.server.keyFile.path)
            let full = try RedisConfiguration(url: "rediss://cache?ca=\(ca)&verify=ca&cert=\(certificate)&key=\(key)")
            #expect(full.tls?.authorityFile == ca && full.tls?.verification == .ca)
            #expect(full.tls?.certificateFile == certificate && full.tls?.keyFile == key)
            // Where the file cannot be what it is for.
            let wrong = [
                ("ca=\(key)", "no certificates in PEM form"), ("cert=\(key)&key=\(key)", "no certificate in PEM form"),
                ("cert=\(certificate)&key=\(certificate)", "cannot be used"),
                ("cert=\(ca)&key=\(key)", "cannot be used (key values mismatch)"),
                ("cert=\(certificate)&key=\(key).none", "cannot be read: No such file"),
                ("cert=\(certificate).none&key=\(key)", "cannot be read: No such file"),
                ("ca=\(certificates.authority.folder.path)", "cannot be read: Is a directory"),
            ]
            for (options, words) in wrong {
                let error = #expect(throws: RedisConfigurationError.self) {
                    try RedisConfiguration(url: "rediss://:hunter2@cache?\(options)")
                }
                #expect(error?.description.contains(words) == true, "\(options): \(error as Any)")
                #expect(error?.description.contains("hunter2") == false)
            }
        }
    }

    @Test(arguments: [
        ("redis://cache?ca=/ca.pem", "“ca” is an option of TLS"), ("redis://cache?verify=none", "rediss://HOST"),
        ("unix:///run/redis.sock?server_name=cache", "“server_name” is an option of TLS"),
        ("rediss:///run/redis.sock", "names no host"), ("rediss://cache?verify=some", "not one of full, ca, none"),
        ("rediss://cache?cert=/c.pem", "cert and key belong together"),
        ("rediss://cache?key=/k.pem", "cert and key belong together"),
        ("rediss://cache?ca=/none/ca.pem", "ca is “/none/ca.pem”, which cannot be read: No such file"),
        ("rediss://cache?ca=/ca.pem&verify=none", "leave one out"), ("rediss://cache?ca=", "ca is empty"),
        ("rediss://cache?server_name=", "server_name is empty"), ("rediss://cache?ca=a%00b", "U+0000"),
        ("rediss://cache?server_name=.example", "begins with a dot"),
        ("rediss://cache?ca=/a&ca=/b", "twice"), ("rediss://cache?tls=1", "with rediss:// ca, cert, key"),
    ])
    func whatIsWrongWithTLSIsSaid(url: String, words: String) {
        let error = #expect(throws: RedisConfigurationError.self) { try RedisConfiguration(url: url) }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test func aUnixSocketTakesNoTLS() {
        var configuration = RedisConfiguration(.socket("/run/redis.sock"))
        configuration.tls = RedisTLS()
        let error = #expect(throws: RedisConfigurationError.self) { try configuration.validate() }
        #expect(error?.description.contains("Unix socket") == true)
    }
}
