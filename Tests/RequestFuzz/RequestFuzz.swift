import ArgumentParser
import Foundation
import NIOCore

/// Compares the reader of requests in the plain form with NIO's decoder: what the reader takes, the decoder must take,
/// with the same method, target, fields and body. Ends with 1 at the first case in which they differ.
///
/// It can write down what both took, for another implementation to be compared with; see `scripts/fuzz/h11-compare`.
@main struct RequestFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "request-fuzz")

    @Option(help: "How many cases at most.")
    var cases = Int.max
    @Option(help: "For how many seconds at most.")
    var seconds = 60.0
    @Option(help: "What is drawn.")
    var seed: UInt64 = .random(in: .min ... .max)
    @Option(help: "A file for the cases that were taken.")
    var accepted: String?

    func run() throws {
        print("request-fuzz: seed \(seed)")
        var generator = CaseGenerator(seed: seed)
        var decoder = ReferenceDecoder()
        let record = try accepted.map(AcceptedCases.init(path:))
        let end = Date(timeIntervalSinceNow: seconds)
        var (count, taken, waiting) = (0, 0, 0)
        while count < cases, count % 4_096 != 0 || Date() < end {
            let bytes = generator.next()
            count += 1
            switch ReadCase.read(bytes) {
            case .other: continue
            case .incomplete: waiting += 1
            case .taken(let read):
                taken += 1
                let reference = try decoder.decode(bytes, count: read.size)
                guard reference == .request(read.request) else {
                    print("request-fuzz: case \(count) of seed \(seed) differs")
                    print("bytes:   \(String(reflecting: String(decoding: bytes, as: UTF8.self)))")
                    print("reader:  \(read.request)")
                    print("decoder: \(reference)")
                    throw ExitCode(1)
                }
                try record?.write(bytes[..<read.size], read.request)
            }
        }
        try record?.close()
        print(
            "request-fuzz: \(count) cases, \(taken) taken by the reader and by the decoder alike, "
                + "\(waiting) begun, the others left to the decoder")
        // A generator that hits nothing would show nothing.
        guard taken * 20 >= count else {
            print("request-fuzz: too few cases are in the plain form")
            throw ExitCode(1)
        }
    }
}

/// A request, as far as two readers must agree.
struct FuzzedRequest: Equatable {
    var method: String
    var target: String
    var fields: [[String]]
    var body: [UInt8]
}
