package import HostAdmin

extension TestHost {
    /// The host's admin API, over its socket.
    package var admin: AdminClient { AdminClient(socket: adminSocket) }
}
