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
        ("http://cache", "does not begin with redis://"), ("redis://", "names no host"),
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

    @Test func encryptionIsRefusedWithWhatToDo() {
        let error = #expect(throws: RedisConfigurationError.self) { try RedisConfiguration(url: "rediss://:x@cache") }
        for words in ["TLS", "hiredis 0.14", "stunnel"] { #expect(error?.description.contains(words) == true) }
    }
}
