internal import CLinux
internal import HostCore
internal import HostTransport

#if canImport(Glibc)
internal import Glibc
#endif

/// `backplane-worker`: the process that a plugin's replica runs in. A host starts it, and it ends with that.
///
/// Its descriptors are 0 to 2 as everybody's; 3, a socket to the host; 4, the memory that they share; 5, what wakes the
/// host; and 6, its own program, which it closes.
@main
enum Worker {
    private static let socket: CInt = 3
    private static let memory: CInt = 4
    private static let event: CInt = 5
    private static let program: CInt = 6

    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let parent = pid_t(arguments[1]) else {
            end(
                "backplane-worker is started by a host, and of no use without one: see `backplane serve`"
            )
        }
        // The thread that has started it lives as long as it is wanted.
        guard clinux_end_with_parent(parent) == 0 else { _exit(0) }
        close(program)
        // As in the host; and when it is to end, the host says so: whoever tells a whole group to end, as systemd does,
        // means that calls are finished first.
        for number in [SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal(number, SIG_IGN)
        }
        reportCrashes()
        // A plugin's lines go to the log as they are written.
        clinux_write_by_lines()
        do throws(TransportError) {
            let process = WorkerProcess(
                try WorkerMemory(taking: memory), socket: socket, event: event)
            do throws(TransportError) {
                try WorkerLimits(arguments: arguments.dropFirst(3)).apply()
            } catch {
                process.refuse(PluginError(.invalidManifest, error.message))
            }
            process.run()
        } catch {
            end(error.message)
        }
    }

    /// Has the last line that a crash leaves say where it was, and in whose code; and no more: Swift's own backtraces
    /// take minutes.
    private static func reportCrashes() {
        guard clinux_log_start(2) == 0 else { return }
        unsafe clinux_name_process(immortal("the worker process"))
        clinux_report_signals(false)
    }

    private static func immortal(_ text: String) -> UnsafePointer<CChar> {
        unsafe UnsafePointer(strdup(text))
    }

    /// Says why there can be no worker, or none any more.
    static func end(_ reason: String) -> Never {
        var line = "backplane-worker: \(reason)\n"
        line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
        _exit(1)
    }
}
