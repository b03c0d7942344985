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
    dependencies: [.package(name: "pantry", path: "..")],
    targets: [
        .executableTarget(
            name: "LaneBenchmark",
            dependencies: [
                .product(name: "Determinism", package: "pantry"),
                .product(name: "Storage", package: "pantry"),
                .product(name: "SQLiteDriver", package: "pantry"),
            ],
            swiftSettings: settings)
    ],
    swiftLanguageModes: [.v6]
)
