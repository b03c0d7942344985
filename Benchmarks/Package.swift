// swift-tools-version: 6.2
import PackageDescription

// Benchmarks are a package of their own, so that nobody who imports Pantry's libraries builds them.

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "pantry", path: ".."),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    ],
    targets: [
        .executableTarget(
            name: "LaneBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "Storage", package: "pantry"),
                .product(name: "SQLiteDriver", package: "pantry"),
                .product(name: "PostgresDriver", package: "pantry"),
            ],
            swiftSettings: settings),
        .systemLibrary(name: "CBenchmarkPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CBenchmarkSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .executableTarget(name: "StatementFloor", dependencies: ["CBenchmarkSQLite"], swiftSettings: settings),
        .executableTarget(
            name: "PostgresDriverBenchmark",
            dependencies: [
                "CBenchmarkPQ",
                .product(name: "Determinism", package: "pantry"),
                .product(name: "Storage", package: "pantry"),
                .product(name: "PostgresDriver", package: "pantry"),
                .product(name: "PostgresTestKit", package: "pantry"),
                .product(name: "ProcessTestKit", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "RedisDriverBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "SocketReactor", package: "pantry"),
                .product(name: "RateLimiting", package: "pantry"),
                .product(name: "RedisDriver", package: "pantry"),
                .product(name: "RedisTestKit", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "ConnectionPoolingBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "ConnectionPooling", package: "pantry"),
            ],
            swiftSettings: settings),
        .target(name: "CAllocationCount"),
        .executableTarget(
            name: "ResilienceBenchmark",
            dependencies: [
                "CAllocationCount",
                .product(name: "Determinism", package: "pantry"),
                .product(name: "CallPolicies", package: "pantry"),
                .product(name: "CircuitBreaking", package: "pantry"),
                .product(name: "Retrying", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "RateLimitingBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "RateLimiting", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "ReplicaRoutingBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "ReplicaRouting", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "SagaBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "StrictJSON", package: "pantry"),
                .product(name: "Storage", package: "pantry"),
                .product(name: "Sagas", package: "pantry"),
                .product(name: "PostgresDriver", package: "pantry"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "ObservabilityCost",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "PrometheusMetrics", package: "pantry"),
                .product(name: "OpenTelemetryTracing", package: "pantry"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
