import Backplane
package import HostCore
package import HostDeployment
import HostDispatch
import HostRouting
package import NIOCore

extension TestHost {
    /// What an operator does, asked of the control plane itself: for tests of what comes of it. Those of the admin API
    /// go through that.
    package var operations: Operations { Operations(host: host) }

    package struct Operations: Sendable {
        fileprivate let host: BackplaneHost

        private var catalog: PluginCatalog {
            guard let catalog = host.catalog else {
                preconditionFailure("a test's body runs while the host does")
            }
            return catalog
        }

        package func list() async -> [PluginStatus] {
            await catalog.list()
        }

        package func reload(_ plugin: String) async throws -> PluginStatus {
            try await catalog.reload(plugin)
        }

        /// - Parameter replica: the replica's index; nil: all.
        package func restart(_ plugin: String, replica: Int?) async throws -> PluginStatus {
            try await catalog.restart(plugin, replica: replica)
        }

        /// A call as `backplane call` makes it.
        ///
        /// - Throws: `DispatchError`.
        package func call(
            _ endpoint: String, method: String? = nil, body: ByteBuffer, timeout: Duration? = nil
        ) async throws -> CallResponse {
            var request = HandleRequest(endpoint: endpoint)
            request.argument = body
            if let method { request.method = method }
            request.timeout = timeout
            return try await host.handles.begin(request).response().get()
        }

        /// The chains of middleware.
        package func middleware() async -> [ChainStatus] {
            await host.control.chainStatuses()
        }

        /// Applies a configuration file.
        ///
        /// - Returns: a line for each difference.
        @discardableResult
        package func apply(_ yaml: String, file: String = "backplane.yaml") async throws -> [String]
        {
            try await host.control.apply(yaml: yaml, file: file, isDryRun: false).changes
        }
    }
}
