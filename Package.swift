// swift-tools-version: 6.2
import PackageDescription

// Pantry's floors. An arrow may only point down, and targets on one floor do not see each other, except on floor 0.
// `Tests/Tidy` compares this graph with the floors; explicit-target-dependency-import-check keeps imports honest.

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func floor(_ folder: String) -> (String, [Target.Dependency]) -> Target {
    { name, dependencies in
        .target(name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)", swiftSettings: settings)
    }
}
func tests(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(folder)/\(name)", swiftSettings: settings)
}
func testKit(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "TestKits/\(name)", swiftSettings: settings)
}

let base = floor("Base")
let pattern = floor("Patterns")
let driver = floor("Drivers")
let domain = floor("Domain")
let service = floor("Service")

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let instrumentation: Target.Dependency = .product(name: "Instrumentation", package: "swift-distributed-tracing")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "pantry",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "pantry", targets: ["PantryCommand"]),
        .library(name: "Determinism", targets: ["Determinism"]),
        .library(name: "StrictJSON", targets: ["StrictJSON"]),
        .library(name: "Storage", targets: ["Storage"]),
        .library(name: "CallPolicies", targets: ["CallPolicies"]),
        .library(name: "CircuitBreaking", targets: ["CircuitBreaking"]),
        .library(name: "Retrying", targets: ["Retrying"]),
        .library(name: "SocketReactor", targets: ["SocketReactor"]),
        .library(name: "Sagas", targets: ["Sagas"]),
        .library(name: "Messaging", targets: ["Messaging"]),
        .library(name: "ReplicaRouting", targets: ["ReplicaRouting"]),
        .library(name: "ConnectionPooling", targets: ["ConnectionPooling"]),
        .library(name: "RateLimiting", targets: ["RateLimiting"]),
        .library(name: "SQLiteDriver", targets: ["SQLiteDriver"]),
        .library(name: "PostgresDriver", targets: ["PostgresDriver"]),
        .library(name: "RedisDriver", targets: ["RedisDriver"]),
        .library(name: "PrometheusMetrics", targets: ["PrometheusMetrics"]),
        .library(name: "OpenTelemetryTracing", targets: ["OpenTelemetryTracing"]),
        .library(name: "StripeDriver", targets: ["StripeDriver"]),
        .library(name: "ProcessTestKit", targets: ["ProcessTestKit"]),
        .library(name: "PostgresTestKit", targets: ["PostgresTestKit"]),
        .library(name: "RedisTestKit", targets: ["RedisTestKit"]),
        .library(name: "DeterminismTestKit", targets: ["DeterminismTestKit"]),
        .library(name: "ReplicaRoutingTestKit", targets: ["ReplicaRoutingTestKit"]),
        .library(name: "SagasTestKit", targets: ["SagasTestKit"]),
        .library(name: "PantryTestKit", targets: ["PantryTestKit"]),
        .library(name: "ConnectionPoolingTestKit", targets: ["ConnectionPoolingTestKit"]),
        .library(name: "RateLimitingTestKit", targets: ["RateLimitingTestKit"]),
        .library(name: "StripeTestKit", targets: ["StripeTestKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Floor 0: base
        base("Determinism", []),
        base("StrictJSON", []),
        base("Storage", ["Determinism"]),
        base("CallPolicies", ["Determinism"]),
        .systemLibrary(name: "CEpoll", path: "Sources/Base/CEpoll"),
        .systemLibrary(name: "CPrefetch", path: "Sources/Base/CPrefetch"),
        base("SocketReactor", ["Determinism", "CEpoll"]),

        // Floor 1: patterns
        pattern("Sagas", ["Determinism", "StrictJSON", "Storage"]),
        pattern("Messaging", ["Determinism", "StrictJSON", "Storage"]),
        pattern("ReplicaRouting", ["Determinism", crypto]),
        pattern("ConnectionPooling", ["Determinism"]),
        pattern("CircuitBreaking", ["Determinism", "CallPolicies"]),
        pattern("Retrying", ["Determinism", "CallPolicies"]),
        pattern("RateLimiting", ["Determinism", "CPrefetch"]),

        // Floor 2: drivers
        driver("SQLiteDriver", ["Determinism", "Storage", grdb, .product(name: "GRDBSQLite", package: "GRDB.swift")]),
        .systemLibrary(
            name: "CLibPQ", path: "Sources/Drivers/CLibPQ", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        driver(
            "PostgresDriver",
            [
                "Determinism", "SocketReactor", "Storage", "CallPolicies", "Retrying", "ConnectionPooling",
                "ReplicaRouting", "CLibPQ",
            ]),
        .systemLibrary(
            name: "CHiredis", path: "Sources/Drivers/CHiredis", pkgConfig: "hiredis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Sources/Drivers/COpenSSL", pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
        driver("RedisDriver", ["Determinism", "SocketReactor", "RateLimiting", "CHiredis", "COpenSSL"]),
        driver("PrometheusMetrics", [metrics, histogram]),
        driver("OpenTelemetryTracing", ["Determinism", "StrictJSON", tracing]),
        driver("StripeDriver", ["Determinism", "StrictJSON", crypto, httpClient, instrumentation, nioCore, nioHTTP1]),

        // Floor 3: domain
        domain("PantryDomain", ["Determinism", "StrictJSON", "Storage", "Sagas", "Messaging", crypto, logging]),

        // Floor 4: service
        service(
            "PantryHTTP",
            [
                "Determinism", "StrictJSON", "Storage", "CircuitBreaking", "RateLimiting", "Sagas", "ReplicaRouting",
                "PantryDomain",
                logging, lifecycle, nioCore, nioPosix, nioHTTP1, metrics, tracing,
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                // The description of the API is YAML; its pages have digests.
                crypto, .product(name: "Yams", package: "Yams"),
            ]),
        service(
            "PantryAssembly",
            [
                "Determinism", "StrictJSON", "Storage", "CallPolicies", "CircuitBreaking", "RateLimiting", "Retrying",
                "Sagas", "Messaging", "ConnectionPooling", "ReplicaRouting", "SQLiteDriver", "RedisDriver",
                "StripeDriver", "PostgresDriver", "PantryDomain",
                crypto, logging, lifecycle, "PrometheusMetrics",
                "OpenTelemetryTracing", metrics, tracing,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ]),
        service(
            "PantryReplay",
            [
                "Determinism", "StrictJSON", httpClient, nioCore, nioHTTP1, nioPosix,
                histogram,
            ]),

        // Floor 5: executables
        .executableTarget(
            name: "PantryCommand",
            dependencies: [
                "Determinism", "StrictJSON", "Storage", "RateLimiting", "Sagas", "PantryDomain", "PantryHTTP",
                "PantryAssembly", "PantryReplay", logging, tracing, lifecycle, httpClient, nioCore, nioHTTP1, nioPosix,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Service/PantryCommand", swiftSettings: settings),

        // Tests
        tests("DeterminismTests", in: "Base", ["Determinism", "DeterminismTestKit"]),
        tests("StrictJSONTests", in: "Base", ["StrictJSON"]),
        tests("SocketReactorTests", in: "Base", ["Determinism", "SocketReactor", "ProcessTestKit"]),
        tests("StorageTests", in: "Base", ["Determinism", "DeterminismTestKit", "Storage", "SQLiteDriver"]),
        tests(
            "CallPoliciesTests", in: "Base", ["Determinism", "DeterminismTestKit", "ProcessTestKit", "CallPolicies"]),
        tests(
            "SagasTests", in: "Patterns",
            [
                "Determinism", "DeterminismTestKit", "ProcessTestKit", "Storage", "Sagas", "SagasTestKit",
                "SQLiteDriver",
            ]),
        tests("MessagingTests", in: "Patterns", ["Determinism", "Storage", "Messaging", "SQLiteDriver"]),
        tests(
            "ReplicaRoutingTests", in: "Patterns",
            [
                "Determinism", "DeterminismTestKit", "ReplicaRouting", "ReplicaRoutingTestKit", "ProcessTestKit",
                "PostgresTestKit",
            ]),
        tests(
            "ConnectionPoolingTests", in: "Patterns",
            ["Determinism", "DeterminismTestKit", "ConnectionPooling", "ConnectionPoolingTestKit"]),
        tests(
            "CircuitBreakingTests", in: "Patterns",
            ["Determinism", "DeterminismTestKit", "CallPolicies", "CircuitBreaking", "Retrying"]),
        tests(
            "RetryingTests", in: "Patterns", ["Determinism", "DeterminismTestKit", "CallPolicies", "Retrying"]),
        tests(
            "RateLimitingTests", in: "Patterns",
            [
                "Determinism", "DeterminismTestKit", "ProcessTestKit", "StrictJSON", "RateLimiting",
                "RateLimitingTestKit",
            ]),
        tests("SQLiteDriverTests", in: "Drivers", ["Determinism", "DeterminismTestKit", "Storage", "SQLiteDriver"]),
        tests(
            "PostgresDriverTests", in: "Drivers",
            ["Determinism", "SocketReactor", "Storage", "PostgresDriver", "ProcessTestKit", "PostgresTestKit"]),
        tests(
            "PostgresDatabaseTests", in: "Drivers",
            [
                "Determinism", "DeterminismTestKit", "Storage", "CallPolicies", "ConnectionPooling",
                "ConnectionPoolingTestKit", "ReplicaRouting", "PostgresDriver", "ProcessTestKit", "PostgresTestKit",
            ]),
        tests(
            "RedisDriverTests", in: "Drivers",
            [
                "Determinism", "DeterminismTestKit", "SocketReactor", "RateLimiting", "RateLimitingTestKit",
                "RedisDriver", "COpenSSL",
                "ProcessTestKit", "RedisTestKit",
            ]),
        tests("PrometheusMetricsTests", in: "Drivers", ["PrometheusMetrics", metrics]),
        tests(
            "OpenTelemetryTracingTests", in: "Drivers",
            ["Determinism", "StrictJSON", "OpenTelemetryTracing", tracing]),
        tests(
            "StripeDriverTests", in: "Drivers",
            [
                "Determinism", "DeterminismTestKit", "StrictJSON", "StripeDriver", "StripeTestKit",
                "OpenTelemetryTracing", tracing, nioCore, nioPosix,
            ]),
        tests(
            "LaneEngineConformance", in: "Conformance",
            [
                "Determinism", "DeterminismTestKit", "Storage", "SQLiteDriver", "PostgresDriver", "PostgresTestKit",
            ]),
        tests(
            "StoreConformance", in: "Conformance",
            [
                "Determinism", "DeterminismTestKit", "StrictJSON", "Storage", "Sagas", "Messaging", "SQLiteDriver",
                "ConnectionPooling", "ReplicaRouting", "PostgresDriver", "PostgresTestKit", "PantryDomain", logging,
            ]),
        tests(
            "SagaConformance", in: "Conformance",
            [
                "Determinism", "DeterminismTestKit", "Storage", "Sagas", "SQLiteDriver", "ConnectionPooling",
                "ReplicaRouting", "PostgresDriver", "ProcessTestKit", "PostgresTestKit", "SagaWorkerProbe",
            ]),
        tests(
            "PantryDomainTests", in: "Domain",
            [
                "Determinism", "DeterminismTestKit", "StrictJSON", "Storage", "Sagas", "Messaging", "SQLiteDriver",
                "PantryDomain", logging,
            ]),
        tests(
            "PantryAssemblyTests", in: "Service",
            [
                "Determinism", "DeterminismTestKit", "CircuitBreaking", "RateLimiting", "Retrying", "Messaging",
                "Sagas", "StrictJSON", logging, tracing,
                "Storage", "ReplicaRouting", "SQLiteDriver", "PostgresDriver", "RedisDriver", "PantryDomain",
                "OpenTelemetryTracing", "RedisTestKit", "SocketReactor", "StripeTestKit", "PantryAssembly",
            ]),
        tests("PantryReplayTests", in: "Service", ["Determinism", "StrictJSON", "PantryReplay"]),
        tests(
            "PantryHTTPTests", in: "Service",
            [
                "Determinism", "DeterminismTestKit", "StrictJSON", "Storage", "Sagas", "SQLiteDriver", "PantryDomain",
                "RateLimiting", "PantryHTTP", logging, "PrometheusMetrics", tracing, lifecycle, nioCore, nioPosix,
                nioHTTP1, crypto,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
            ]),
        testKit("ProcessTestKit", ["Determinism"]),
        testKit("PostgresTestKit", ["Determinism", "ProcessTestKit"]),
        testKit("RedisTestKit", ["Determinism", "ProcessTestKit"]),
        testKit("DeterminismTestKit", ["Determinism"]),
        testKit("SagasTestKit", ["Determinism", "DeterminismTestKit", "Storage", "Sagas"]),
        .executableTarget(
            name: "SagaWorkerProbe",
            dependencies: [
                "Determinism", "Storage", "Sagas", "ConnectionPooling", "ReplicaRouting", "PostgresDriver",
            ],
            path: "TestKits/SagaWorkerProbe", swiftSettings: settings),
        testKit("ReplicaRoutingTestKit", ["Determinism", "ReplicaRouting"]),
        testKit("ConnectionPoolingTestKit", ["Determinism", "ConnectionPooling"]),
        testKit(
            "PantryTestKit",
            ["Determinism", "StrictJSON", "ProcessTestKit", httpClient, nioCore, nioHTTP1, nioPosix]),
        // Its cases are read where they are, by tests in any language.
        .target(
            name: "RateLimitingTestKit", dependencies: ["Determinism", "StrictJSON", "RateLimiting"],
            path: "TestKits/RateLimitingTestKit", exclude: ["Cases"], swiftSettings: settings),
        testKit(
            "StripeTestKit", ["Determinism", "StrictJSON", crypto, httpClient, nioCore, nioHTTP1, nioPosix]),
        tests("PostgresTestKitTests", in: "TestKits", ["ProcessTestKit", "PostgresTestKit"]),
        tests("PantryTestKitTests", in: "TestKits", ["Determinism", "StrictJSON", "PantryTestKit"]),
        tests(
            "PantryProcessTests", in: "Process",
            [
                "Determinism", "DeterminismTestKit", "StrictJSON", "PantryTestKit", "ProcessTestKit",
                "PostgresTestKit", "RedisTestKit", "StripeTestKit",
            ]),
        tests("PantryHardeningTests", in: "Process", ["Determinism", "StrictJSON", "PantryTestKit"]),
        tests("PantryContractTests", in: "Process", ["StrictJSON", "PantryTestKit"]),
        tests("TidyTests", in: "Tidy", []),
    ],
    swiftLanguageModes: [.v6]
)
