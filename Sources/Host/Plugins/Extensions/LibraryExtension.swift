internal import HostCore
internal import NIOConcurrencyHelpers
internal import PluginABI

#if canImport(Glibc)
internal import Glibc
#endif

/// The C table of the extension `backplane.library/1` for one library.
///
/// Never freed, as ``HostTable``.
@safe final class LibraryExtension: @unchecked Sendable {
    // Sendable: the memory is written once, here, and constant from then on.
    private let place: LibraryPlace
    private let dataDirectory: UnsafePointer<CChar>
    let table: UnsafeRawPointer

    init(_ place: LibraryPlace) {
        self.place = place
        unsafe dataDirectory = immortalCString(place.dataDirectory)
        let table = UnsafeMutablePointer<backplane_library_extension_t>.allocate(capacity: 1)
        unsafe table.initialize(
            to: backplane_library_extension_t(
                struct_size: UInt32(MemoryLayout<backplane_library_extension_t>.size), reserved: 0,
                path: immortalCString(place.path), directory: immortalCString(place.directory),
                manifest_path: immortalCString(place.manifestPath),
                get_data_directory: { host, path, error in
                    // Only a library that has a place has the table.
                    unsafe HostTable.context(host).library!.makeDataDirectory(path, error)
                }))
        unsafe self.table = UnsafeRawPointer(table)
    }

    private func makeDataDirectory(
        _ path: UnsafeMutablePointer<UnsafePointer<CChar>?>,
        _ error: UnsafeMutablePointer<backplane_error_t>?
    ) -> backplane_status_t {
        do throws(PluginError) {
            try place.makeDataDirectory()
        } catch let failure {
            if let error = unsafe error { unsafe Self.write(failure.message, into: error) }
            return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION)
        }
        unsafe path.pointee = unsafe dataDirectory
        return backplane_status_t(BACKPLANE_STATUS_OK)
    }

    private static func write(
        _ message: String, into error: UnsafeMutablePointer<backplane_error_t>
    ) {
        guard let place = unsafe backplane_error_t.copy(error), unsafe place.capacity > 0 else {
            return
        }
        let bytes = unsafe message.utf8.prefix(Int(place.capacity) - 1)
        var next = unsafe place.message
        for byte in bytes {
            unsafe next.pointee = CChar(bitPattern: byte)
            unsafe next += 1
        }
        unsafe next.pointee = 0
    }
}

extension HostExtension {
    static var library: HostExtension {
        unsafe HostExtension(BACKPLANE_EXTENSION_LIBRARY) { unsafe $0.library?.table }
    }
}
