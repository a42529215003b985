package import HostCore
package import HostLoader

/// A library that knows nothing of Backplane, found and ready to be mapped.
package struct AdoptedLibrary: Sendable {
    package let adoption: LibraryBinding
    /// The manifest that says how, for errors.
    let manifest: String
    /// What the dynamic linker is given: a copy's path, or what it is to find.
    let path: String
    /// nil: the library is mapped where it is.
    package let copy: LibraryStore.Copy?

    /// Tells a changed library from one that was only touched. One that is mapped where it is can't change in this
    /// process.
    package var fingerprint: UInt64 { copy?.fingerprint ?? 0 }

    /// How an error names a place in the manifest.
    func named(_ place: LibraryBinding.Place?) -> String {
        place.map { "\(manifest):\($0.line):\($0.column)" } ?? manifest
    }
}

/// What a generation is to be made of.
package enum PluginCode: Sendable {
    case plugin(LibraryStore.Copy)
    case adopted(AdoptedLibrary)

    /// nil: it is mapped where it is.
    package var copy: LibraryStore.Copy? {
        switch self {
        case .plugin(let copy): copy
        case .adopted(let library): library.copy
        }
    }
}

extension LibraryBinding {
    /// Where the library would be if its name is a path, with relative ones beginning in `directory`.
    fileprivate func file(in directory: String) -> String {
        library.hasPrefix("/") ? library : "\(directory)/\(library)"
    }

    /// Whether the library is the file at a path.
    package func isOf(_ path: String, in directory: String) -> Bool {
        file(in: directory).replacing("/./", with: "/") == path.replacing("/./", with: "/")
    }
}

extension LibraryStore {
    /// Finds the library that a manifest names. Blocks on the disk.
    ///
    /// A file in the plugins directory, or one that is named by its path, is copied as a plugin is: it can be replaced
    /// while it serves. What the dynamic linker finds by a soname is mapped where it is, as it is for every program:
    /// other libraries of the process may use it, and two copies of it would each have half of its state. So is a file
    /// that the process has mapped already.
    ///
    /// - Parameters:
    ///   - name: the plugin's.
    ///   - directory: where relative names begin.
    /// - Throws: ``PluginError`` when a file can't be read, is no library, or changes meanwhile.
    package func code(
        of adoption: LibraryBinding, name: String, manifest: String, in directory: String
    ) throws(PluginError) -> PluginCode {
        let library = adoption.library
        let file = adoption.file(in: directory)
        let isFile =
            library.contains("/") || DirectoryListing.names(in: directory).contains(library)
        let mapped = isFile ? LibraryLocation.mappedName(of: file) : library
        if let mapped {
            return .adopted(
                AdoptedLibrary(adoption: adoption, manifest: manifest, path: mapped, copy: nil))
        }
        let copy: Copy
        do throws(PluginError) {
            copy = try self.copy(file, name: name)
        } catch {
            let place = adoption.place.map { ":\($0.line):\($0.column)" } ?? ""
            throw PluginError(error.code, "\(manifest)\(place): \(library): \(error.message)")
        }
        return .adopted(
            AdoptedLibrary(
                adoption: adoption, manifest: manifest, path: copy.path, copy: copy))
    }

    /// Removes what was copied for a generation that isn't to be.
    package func discard(_ code: PluginCode) {
        switch code {
        case .plugin(let copy): discard(copy)
        case .adopted(let library): if let copy = library.copy { discard(copy) }
        }
    }
}

extension LoadJournal.Entry {
    package init(_ code: PluginCode, plugin: String) {
        if let copy = code.copy {
            self.init(copy, plugin: plugin)
        } else if case .adopted(let library) = code {
            self.init(key: "name:\(library.path)", plugin: plugin)
        } else {
            preconditionFailure("a plugin has a copy")
        }
    }
}
