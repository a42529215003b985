internal import Backplane

enum Version {
    static let text = BackplaneHost.version
}
