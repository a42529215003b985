internal import HostCore
internal import HostForms
package import HostTransport

/// What a manifest says of the processes that its plugin's replicas run in.
package struct ProcessOptions: Sendable, Equatable {
    package struct Limits: Sendable, Equatable {
        /// In bytes.
        package var memory: Int?
        package var openFiles: Int?
        package var isThreadsOnly: Bool?
    }

    package struct Sandbox: Sendable, Equatable {
        package var network: Bool?
        package var exec: Bool?
        package var write: [String]?
    }

    package var limits = Limits()
    package var sandbox = Sandbox()
    /// Beside the host's environment.
    package var environment: [String: String] = [:]
    package var directory: String?

    /// What a worker takes upon itself.
    package var workerLimits: WorkerLimits {
        var worker = WorkerLimits()
        worker.memory = limits.memory
        worker.openFiles = limits.openFiles
        worker.isThreadsOnly = limits.isThreadsOnly ?? false
        worker.hasNetwork = sandbox.network ?? true
        worker.executes = sandbox.exec ?? true
        worker.writablePaths = sandbox.write
        worker.directory = directory
        return worker
    }

    /// The keys that are set.
    package var keysInUse: [String] {
        let defaults = ProcessOptions()
        return [
            ("limits", limits != defaults.limits), ("sandbox", sandbox != defaults.sandbox),
            ("env", !environment.isEmpty), ("cwd", directory != nil),
        ].filter(\.1).map(\.0)
    }
}

extension ProcessOptions {
    static let keys: [ConfigurationKey<Self>] = [
        .defaulted(
            "limits", \.limits, Limits.form, unless: Limits(),
            "What a worker process may have, in force before the library is mapped."),
        .defaulted(
            "sandbox", \.sandbox, Sandbox.form, unless: Sandbox(),
            "What a worker process may do, in force before the library is mapped."),
        .defaulted(
            "env", \.environment, .entries(of: .anyText, such: "{CUDA_VISIBLE_DEVICES: \"0\"}"),
            unless: [:], "Variables of the worker's environment beside the host's."),
        .optional("cwd", \.directory, .text("a path"), "The directory in which the worker runs."),
    ]
}

extension ProcessOptions.Limits {
    static let form = ConfigurationForm<Self>
        .mapping(
            [
                .optional(
                    "memory", \.memory, .size(least: 16 << 20),
                    "Memory for data; what is only reserved does not count: 512MiB, 2GiB."),
                .optional(
                    "open_files", \.openFiles, .count(16...1 << 20),
                    "Descriptors, those of the worker's own among them."),
                .optional(
                    "threads_only", \.isThreadsOnly, .flag,
                    "Whether the plugin can't start processes. Default: false."),
            ], from: Self(), such: "{memory: 512MiB}")
}

extension ProcessOptions.Sandbox {
    static let form = ConfigurationForm<Self>
        .mapping(
            [
                .optional(
                    "network", \.network, .flag,
                    "Whether the plugin makes sockets beside those of AF_UNIX. Default: true."),
                .optional(
                    "exec", \.exec, .flag, "Whether the plugin executes programs. Default: true."),
                .optional(
                    "write", \.write,
                    .list(of: .text("a path"), such: "[/var/lib/model]", atLeast: 0),
                    "What alone the plugin may change in the file system: these paths, and all below them."
                ),
            ], from: Self(), such: "{network: false}")
}
