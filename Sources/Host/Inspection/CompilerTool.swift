internal import Foundation

/// A program of the compiler's kind, run to its end: Clang, or `readelf`. Blocks.
struct CompilerTool {
    let path: String
    private let name: String

    /// Finds a program on the PATH.
    ///
    /// - Parameters:
    ///   - names: the first one that is there is taken.
    ///   - advice: what to install when none is.
    init(oneOf names: [String], advice: String) throws(InspectionError) {
        let directories = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        for name in names {
            for directory in directories {
                let path = "\(directory)/\(name)"
                guard FileManager.default.isExecutableFile(atPath: path) else { continue }
                self.path = path
                self.name = name
                return
            }
        }
        throw InspectionError("no \(names[0]) found on the PATH: \(advice)")
    }

    /// - Parameters:
    ///   - input: what it reads from standard input.
    ///   - take: gets what it prints, as it prints it.
    /// - Throws: ``InspectionError`` with the first line of its complaints, when it fails.
    func run(
        _ arguments: [String], input: String = "", _ take: (Data) -> Void
    ) throws(InspectionError) {
        let process = Process()
        let output = Pipe()
        // Files, where nobody reads or writes while the program runs.
        let scratch = FileManager.default.temporaryDirectory
            .appendingPathComponent("backplane-inspect-\(UUID().uuidString)")
        let (inputFile, errorFile) = (
            scratch.appendingPathComponent("in"), scratch.appendingPathComponent("err")
        )
        defer { try? FileManager.default.removeItem(at: scratch) }
        do {
            try FileManager.default.createDirectory(
                at: scratch, withIntermediateDirectories: false)
            try Data(input.utf8).write(to: inputFile)
            try Data().write(to: errorFile)
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) {
                $1
            }
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
            process.standardOutput = output
            process.standardError = try FileHandle(forWritingTo: errorFile)
            try process.run()
            while let data = try output.fileHandleForReading.read(upToCount: 1 << 18),
                !data.isEmpty
            {
                take(data)
            }
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                let errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
                throw InspectionError(
                    "\(name) failed: \(errors.split(separator: "\n").first ?? "without a word")")
            }
        } catch let error as InspectionError {
            throw error
        } catch {
            throw InspectionError("cannot run \(path): \(error.localizedDescription)")
        }
    }
}
