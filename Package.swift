// swift-tools-version: 6.2

import PackageDescription

/// The rules for every Swift target: warnings are errors.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// And for everything but tests, which poke at sockets and symbols all the time: what is unsafe says so.
let houseRules = rules + [.strictMemorySafety()]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioLocks = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioFoundation = Target.Dependency.product(
    name: "NIOFoundationCompat", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let serviceLifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let tracing = Target.Dependency.product(
    name: "Tracing", package: "swift-distributed-tracing")
let inMemoryTracing = Target.Dependency.product(
    name: "InMemoryTracing", package: "swift-distributed-tracing")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")

/// The rooms of the host, top first. A room may depend only on rooms below it; the compiler holds that.
let rooms: [Target] = [
    .executableTarget(
        name: "backplane",
        dependencies: [
            "Backplane", "HostAdmin", "HostControl", "HostForms", nioCore, logging,
            serviceLifecycle, nioFoundation,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ],
        path: "Sources/Host/Command",
        swiftSettings: houseRules
    ),
    .target(
        name: "Backplane",
        dependencies: [
            "HostAdmin", "HostIngress", "HostControl", "HostMiddleware", "HostDispatch",
            "HostForms", "HostPlugins", serviceLifecycle, logging, nioCore, nioLocks, nioPosix,
            nioFoundation, httpTypes,
        ],
        path: "Sources/Host/Backplane",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostAdmin",
        dependencies: [
            "HostControl", "HostDispatch", "HostForms", "HostPlugins", logging, serviceLifecycle,
            nioCore, nioLocks, nioPosix, nioHTTP1, asyncHTTPClient, crypto, nioFoundation,
            httpTypes,
            .product(name: "Hummingbird", package: "hummingbird"),
        ],
        path: "Sources/Host/Admin",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostIngress",
        dependencies: [
            "HostControl", "HostMiddleware", "HostDispatch", "HostPlugins", nioCore, nioLocks,
            nioPosix, nioHTTP1, logging, serviceLifecycle,
        ],
        path: "Sources/Host/Ingress",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostControl",
        dependencies: [
            "HostMiddleware", "HostDispatch", "HostForms", "HostPlugins", nioCore, nioLocks,
            nioPosix, nioHTTP1, logging, serviceLifecycle, crypto, grdb,
        ],
        path: "Sources/Host/Control",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostMiddleware",
        dependencies: [
            "HostTokens", "HostDispatch", "HostForms", "HostPlugins", "CZlib", nioCore, nioLocks,
            nioPosix, nioHTTP1, logging, tracing, crypto,
        ],
        path: "Sources/Host/Middleware",
        swiftSettings: houseRules
    ),
    // Apart from the stages: jwt-kit brings Foundation along, which lays claim to the C library's structs.
    .target(
        name: "HostTokens",
        dependencies: [nioLocks, jwt],
        path: "Sources/Host/Tokens",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostDispatch",
        dependencies: [
            "HostPlugins", nioCore, nioLocks, logging,
            .product(name: "DequeModule", package: "swift-collections"),
        ],
        path: "Sources/Host/Dispatch",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostForms",
        dependencies: [.product(name: "Yams", package: "Yams")],
        path: "Sources/Host/Forms",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostPlugins",
        dependencies: ["PluginABI", nioCore, nioLocks, logging],
        path: "Sources/Host/Plugins",
        swiftSettings: houseRules
    ),
    .target(name: "PluginABI", path: "Sources/PluginABI"),
    .systemLibrary(
        name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
]

let examplePlugins: [Target] = [
    .target(
        name: "EchoBackend", dependencies: ["PluginABI"], path: "Sources/Plugins/EchoBackend",
        publicHeadersPath: "."),
    .target(
        name: "CounterBackend",
        dependencies: ["PluginABI"],
        path: "Sources/Plugins/CounterBackend",
        swiftSettings: houseRules
    ),
]

/// Programs that use the host as anybody's program would.
let programs: [Target] = [
    .executableTarget(
        name: "embedding",
        dependencies: ["Backplane", logging, nioCore],
        path: "Examples/Embedding",
        swiftSettings: houseRules
    ),
    .executableTarget(
        name: "handle-benchmark",
        dependencies: ["Backplane", logging, nioCore],
        path: "Sources/Benchmarks/HandleBenchmark",
        swiftSettings: houseRules
    ),
]

let tests: [Target] = [
    .target(
        name: "TestSupport",
        dependencies: [
            "Backplane", "HostAdmin", "HostControl", "HostMiddleware", "HostDispatch", "HostForms",
            "HostPlugins",
            asyncHTTPClient, nioCore, nioLocks, nioHTTP1, logging, serviceLifecycle,
        ],
        path: "Tests/Support",
        swiftSettings: rules
    ),
    .testTarget(
        name: "FormsTests", dependencies: ["TestSupport", "HostForms"], swiftSettings: rules),
    .testTarget(
        name: "PluginsTests",
        dependencies: ["TestSupport", "HostPlugins", nioCore, nioLocks, logging],
        swiftSettings: rules
    ),
    .testTarget(
        name: "DispatchTests",
        dependencies: [
            "TestSupport", "Backplane", "HostAdmin", "HostControl", "HostMiddleware",
            "HostDispatch", "HostForms",
            "HostPlugins", nioCore, nioLocks, nioPosix, logging,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "ControlTests",
        dependencies: [
            "TestSupport", "HostControl", "HostMiddleware", "HostDispatch", "HostForms",
            "HostPlugins",
            "state-writer", nioCore, nioLocks, nioPosix, logging, grdb,
        ],
        swiftSettings: rules
    ),
    .executableTarget(
        name: "state-writer",
        dependencies: ["TestSupport", "HostControl", "HostForms"],
        path: "Tests/StateWriter",
        swiftSettings: rules
    ),
    .testTarget(
        name: "MiddlewareTests",
        dependencies: [
            "TestSupport", "Backplane", "HostControl", "HostMiddleware", "HostTokens",
            "HostDispatch", "HostForms", "HostPlugins", "CZlib", crypto, nioPosix, nioCore,
            nioLocks, nioHTTP1, nioFoundation, nioEmbedded, logging, httpTypes, tracing,
            inMemoryTracing,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "IngressTests",
        dependencies: [
            "TestSupport", "Backplane", "HostIngress", "HostControl", "HostMiddleware",
            "HostDispatch", "HostPlugins",
            nioCore, nioPosix, nioHTTP1,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "BackplaneTests",
        dependencies: [
            "TestSupport", "Backplane", "HostAdmin", "HostControl", "HostForms", "embedding",
            nioCore, nioLocks,
            httpTypes,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "HostTests",
        dependencies: [
            "TestSupport", "Backplane", "HostAdmin", "HostControl", "HostForms", "backplane",
            nioCore,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "TidyTests", dependencies: ["TestSupport", "HostControl", "HostForms"],
        swiftSettings: rules),
]

let package = Package(
    name: "backplane",
    products: [
        .executable(name: "backplane", targets: ["backplane"]),
        .library(name: "Backplane", targets: ["Backplane"]),
        // The example plugins: each becomes a lib<name>.so that `make` puts into plugins.d.
        .library(name: "echo", type: .dynamic, targets: ["EchoBackend"]),
        .library(name: "counter", type: .dynamic, targets: ["CounterBackend"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    ],
    targets: rooms + examplePlugins + programs + tests
)
