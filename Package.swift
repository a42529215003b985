// swift-tools-version: 6.2

import PackageDescription

/// The slim package: what has threads, with its tests, and without the admin API, the command and all that only they
/// need. For the sanitizers, which build the dependencies anew: `BACKPLANE_SLIM=1 swift build`.
let isSlim = Context.environment["BACKPLANE_SLIM"] == "1"

/// Of dependencies that the slim package has not.
func unlessSlim<Element>(_ elements: Element...) -> [Element] { isSlim ? [] : elements }

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
let deques = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
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

/// The modules of the host, top first. One may depend only on those below it; the compiler holds that.
let modules: [Target] = [
    .executableTarget(
        name: "backplane",
        dependencies: [
            "Backplane", "HostAdmin", "HostDeployment", "HostState", "HostConfigurationFiles",
            "HostRouting", "HostWorkers", "HostForms", "HostInspection", "HostPlugins",
            "HostLoader",
            "HostCore",
            "HostLogging", "CLinux", "CInterposition", nioCore, nioLocks, logging,
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
            "HostHTTP", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostPluginStages", "HostStages", "HostPipeline", "HostWorkers", "HostDispatch",
            "HostForms", "HostLoader", "HostCore", "HostLogging", serviceLifecycle, logging,
            nioCore, nioLocks,
            nioPosix,
            nioFoundation, httpTypes, deques,
        ] + unlessSlim("HostAdmin"),
        path: "Sources/Host/Backplane",
        exclude: [isSlim ? "Admin" : "WithoutAdmin"],
        swiftSettings: houseRules
    ),
    .target(
        name: "HostAdmin",
        dependencies: [
            "HostHTTP", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostPipeline", "HostDispatch", "HostForms",
            "HostPlugins", "HostCore", "CLinux", logging, serviceLifecycle, nioCore,
            nioLocks,
            nioPosix,
            nioHTTP1,
            asyncHTTPClient, crypto, nioFoundation, httpTypes, hummingbird, hummingbirdCore,
        ],
        path: "Sources/Host/Admin",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostHTTP",
        dependencies: [
            "HostRouting", "HostPipeline", "HostDispatch", "HostCore", "HostLogging", nioCore,
            nioLocks, nioPosix, nioHTTP1, logging, serviceLifecycle,
        ],
        path: "Sources/Host/HTTP",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostDeployment",
        dependencies: [
            "HostState", "HostConfigurationFiles", "HostPluginStages", "HostStages", "HostRouting",
            "HostPipeline", "HostWorkers", "HostDispatch", "HostForms", "HostPlugins", "HostLoader",
            "HostCore", "CLinux", nioCore, nioLocks, nioPosix, logging,
            serviceLifecycle, crypto,
        ],
        path: "Sources/Host/Deployment",
        swiftSettings: houseRules
    ),
    // The only one that knows the database.
    .target(
        name: "HostState",
        dependencies: [
            "HostConfigurationFiles", "HostRouting", "HostPipeline", "HostDispatch",
            "HostForms", "HostLoader", "HostCore", nioLocks, logging, grdb,
        ],
        path: "Sources/Host/State",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostConfigurationFiles",
        dependencies: [
            "HostStages", "HostRouting", "HostPipeline", "HostWorkers", "HostDispatch",
            "HostTransport", "HostForms", "HostPlugins",
            "HostLoader", "HostTypedCalls", "HostCore", nioCore, logging,
        ],
        path: "Sources/Host/Configuration",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostStages",
        dependencies: [
            "HostTokens", "HostPipeline", "HostForms", "HostCore", "CZlib", nioCore, nioLocks,
            nioPosix, logging, tracing, crypto,
        ],
        path: "Sources/Host/Stages",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostPluginStages",
        dependencies: [
            "HostPipeline", "HostDispatch", "HostPlugins", "HostForms", "HostCore", nioCore,
            nioLocks, logging,
        ],
        path: "Sources/Host/PluginStages",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostRouting",
        dependencies: [
            "HostPipeline", "HostWorkers", "HostDispatch", "HostForms", "HostPlugins", "HostLoader",
            "HostTypedCalls", "HostCore", nioCore, nioLocks, nioPosix, logging, crypto,
        ],
        path: "Sources/Host/Routing",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostPipeline",
        dependencies: ["HostDispatch", "HostForms", "HostCore", nioCore, nioLocks, logging],
        path: "Sources/Host/Pipeline",
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
        name: "HostWorkers",
        dependencies: [
            "HostDispatch", "HostTransport", "HostPlugins", "HostLoader", "HostCore", "CLinux",
            nioCore, nioLocks, logging,
        ],
        path: "Sources/Host/Workers",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostDispatch",
        dependencies: [
            "HostCore", "HostLogging", nioCore, nioLocks, logging,
            deques,
        ],
        path: "Sources/Host/Dispatch",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostTransport",
        dependencies: ["HostPlugins", "HostTypedCalls", "HostCore", "CLinux", nioCore, nioLocks],
        path: "Sources/Host/Transport",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostInspection",
        dependencies: ["HostPlugins", "HostLoader", "HostCore", "HostTypedCalls"],
        path: "Sources/Host/Inspection",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostPlugins",
        dependencies: [
            "HostLoader", "HostForms", "HostTypedCalls", "HostCore", "CLinux",
            "PluginABI",
            nioCore,
            nioLocks, nioPosix, logging,
        ],
        path: "Sources/Host/Plugins",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostLoader",
        dependencies: ["HostCore", "HostLogging", "CLinux", nioLocks],
        path: "Sources/Host/Loader",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostCore",
        dependencies: ["HostLogging", "CLinux", logging, nioCore, nioLocks, nioPosix],
        path: "Sources/Host/Core",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostForms",
        dependencies: ["HostCore", .product(name: "Yams", package: "Yams")],
        path: "Sources/Host/Forms",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostTypedCalls",
        dependencies: ["HostCore", "CLibFFI", nioCore],
        path: "Sources/Host/TypedCalls",
        swiftSettings: houseRules
    ),
    .target(
        name: "HostLogging",
        dependencies: ["CLinux", nioLocks, logging],
        path: "Sources/Host/Logging",
        swiftSettings: houseRules
    ),
    .target(name: "CLinux", path: "Sources/CLinux"),
    // Of the program alone: what stands in front of the C library's functions does so in the whole process.
    .target(
        name: "CInterposition", dependencies: ["CLinux"], path: "Sources/CInterposition"),
    .systemLibrary(
        name: "CLibFFI", path: "Sources/CLibFFI", pkgConfig: "libffi",
        providers: [.apt(["libffi-dev"])]),
    .target(name: "PluginABI", path: "Sources/PluginABI"),
    .systemLibrary(
        name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
]

/// What a host may be given beside its own, each a product by itself so that nobody builds what they don't use.
let adapters: [Target] = [
    .target(
        name: "BackplaneHummingbird",
        dependencies: ["Backplane", hummingbird, logging, nioCore, httpTypes],
        path: "Sources/BackplaneHummingbird",
        swiftSettings: houseRules
    )
]

/// The process that a replica runs in.
let worker: [Target] = [
    .executableTarget(
        name: "backplane-worker",
        dependencies: [
            "HostTransport", "HostPlugins", "HostLoader", "HostCore", "CLinux", nioCore, nioLocks,
            logging,
        ],
        path: "Sources/Worker",
        swiftSettings: houseRules
    )
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
        name: "own-middleware",
        dependencies: [
            "Backplane", "BackplaneHummingbird", hummingbird, asyncHTTPClient, logging, nioHTTP1,
            httpTypes,
        ],
        path: "Examples/OwnMiddleware",
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
            "Backplane", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostPluginStages", "HostStages", "HostPipeline", "HostWorkers", "HostDispatch",
            "HostForms",
            "HostPlugins", "HostLoader", "HostCore", nioCore, nioLocks, nioPosix, nioHTTP1, logging,
            serviceLifecycle,
        ] + unlessSlim("HostAdmin", asyncHTTPClient),
        path: "Tests/Support",
        exclude: [isSlim ? "WithAdmin" : "Slim"],
        swiftSettings: rules
    ),
    .testTarget(
        name: "TypedCallsTests",
        dependencies: ["TestSupport", "HostTypedCalls", nioCore],
        swiftSettings: rules
    ),
    .testTarget(
        name: "LoggingTests", dependencies: ["TestSupport", "HostLogging", logging],
        swiftSettings: rules),
    .testTarget(
        name: "FormsTests", dependencies: ["TestSupport", "HostForms"], swiftSettings: rules),
    .testTarget(
        name: "PluginsTests",
        dependencies: [
            "TestSupport", "HostPlugins", "HostLoader", "HostCore", nioCore, nioLocks, logging,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "InspectionTests",
        dependencies: [
            "TestSupport", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostInspection", "HostPlugins", "HostLoader", "HostCore",
            "HostTypedCalls",
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "WorkerTests",
        dependencies: [
            "TestSupport", "Backplane", "HostDeployment", "HostTransport", "HostDispatch",
            "HostCore", "CLinux", "backplane-worker", nioCore, nioLocks,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "DispatchTests",
        dependencies: [
            "TestSupport", "Backplane", "HostDeployment", "HostState", "HostConfigurationFiles",
            "HostRouting", "HostPluginStages", "HostStages", "HostPipeline", "HostWorkers",
            "HostDispatch",
            "HostForms", "HostPlugins", "HostLoader", "HostCore", nioCore, nioLocks, nioPosix,
            logging,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "ControlTests",
        dependencies: [
            "TestSupport", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostPluginStages", "HostStages", "HostPipeline", "HostDispatch", "HostForms",
            "HostPlugins", "HostLoader", "HostCore", "HostTypedCalls", "state-writer", nioCore,
            nioLocks,
            nioPosix, logging,
            grdb,
        ],
        swiftSettings: rules
    ),
    .executableTarget(
        name: "state-writer",
        dependencies: [
            "TestSupport", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostForms",
        ],
        path: "Tests/StateWriter",
        swiftSettings: rules
    ),
    .executableTarget(
        name: "request-fuzz",
        dependencies: [
            "HostHTTP", "HostCore", nioCore, nioHTTP1, nioEmbedded,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Tests/RequestFuzz",
        swiftSettings: rules
    ),
    .testTarget(
        name: "MiddlewareTests",
        dependencies: [
            "TestSupport", "Backplane", "HostDeployment", "HostState", "HostConfigurationFiles",
            "HostRouting", "HostPluginStages", "HostStages", "HostPipeline", "HostTokens",
            "HostDispatch", "HostForms", "HostPlugins", "HostLoader", "HostCore", "CZlib", crypto,
            nioPosix,
            nioCore,
            nioLocks, nioHTTP1, nioFoundation, nioEmbedded, logging, httpTypes, tracing,
            inMemoryTracing,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "HTTPTests",
        dependencies: [
            "TestSupport", "Backplane", "HostHTTP", "HostDeployment", "HostState",
            "HostConfigurationFiles", "HostRouting", "HostPluginStages", "HostStages",
            "HostPipeline",
            "HostDispatch", "HostPlugins", "HostLoader", "HostCore",
            nioCore, nioPosix, nioHTTP1, nioEmbedded,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "ChaosTests",
        dependencies: [
            "TestSupport", "Backplane", "HostDeployment", "HostState", "HostConfigurationFiles",
            "HostRouting", nioLocks,
        ],
        swiftSettings: rules),
    .testTarget(
        name: "BackplaneTests",
        dependencies: [
            "TestSupport", "Backplane", "HostDeployment", "HostState", "HostConfigurationFiles",
            "HostRouting", "HostForms", nioCore, nioLocks, httpTypes,
            logging,
        ] + unlessSlim("BackplaneHummingbird", "embedding", "own-middleware", hummingbird),
        exclude: isSlim
            ? [
                "EmbeddingExampleTests.swift", "HummingbirdStageTests.swift",
                "OwnMiddlewareExampleTests.swift",
            ] : [],
        swiftSettings: rules
    ),
    .testTarget(
        name: "HostTests",
        dependencies: [
            // Not the program, which is started as such: what it exports in place of the C library is for it alone.
            "TestSupport", "Backplane", "HostAdmin", "HostDeployment", "HostState",
            "HostConfigurationFiles", "HostRouting", "HostForms", "HostPlugins",
            "HostLoader",
            "HostCore",
            nioCore, nioPosix,
        ],
        swiftSettings: rules
    ),
    .testTarget(
        name: "TidyTests",
        dependencies: [
            "TestSupport", "HostDeployment", "HostState", "HostConfigurationFiles", "HostRouting",
            "HostForms",
        ],
        swiftSettings: rules),
]

/// What the slim package leaves out.
let leftOut: Set<String> = [
    "backplane", "HostAdmin", "HostInspection", "BackplaneHummingbird", "embedding",
    "own-middleware", "handle-benchmark", "request-fuzz", "InspectionTests", "HostTests",
    "TidyTests",
]

let package = Package(
    name: "backplane",
    products: [
        .library(name: "Backplane", targets: ["Backplane"]),
        // The example plugins: each becomes a lib<name>.so that `make` puts into plugins.d.
        .library(name: "echo", type: .dynamic, targets: ["EchoBackend"]),
        .library(name: "counter", type: .dynamic, targets: ["CounterBackend"]),
        // What replicas in processes of their own run; a program that embeds the host ships it.
        .executable(name: "backplane-worker", targets: ["backplane-worker"]),
    ]
        + unlessSlim(
            .executable(name: "backplane", targets: ["backplane"]),
            .library(name: "BackplaneHummingbird", targets: ["BackplaneHummingbird"])),
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
    ]
        + unlessSlim(
            .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
            .package(
                url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
            .package(
                url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0")),
    targets: (modules + adapters + worker + examplePlugins + programs + tests)
        .filter { !isSlim || !leftOut.contains($0.name) }
)
