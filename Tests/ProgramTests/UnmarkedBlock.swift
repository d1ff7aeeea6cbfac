/// A block of the documents that is not marked `sh`: what runs it all the same, or why nothing does.
struct UnmarkedBlock {
    enum Account {
        /// A suite of these tests, in the file of its name.
        case isRun(by: String)

        /// Why not, and what stands in for it.
        case isNotRun(String)
    }

    /// The name of the page's file.
    let page: String

    /// How its first line begins.
    let beginning: String

    let account: Account

    init(_ page: String, _ beginning: String, _ account: Account) {
        self.page = page
        self.beginning = beginning
        self.account = account
    }

    static let all: [UnmarkedBlock] =
        loadTesting + operating + [
            UnmarkedBlock(
                "QuickStart.md", "make run",
                .isNotRun(
                    "builds a release, which takes minutes; DocumentedCommandsTests starts the debug build as it does"
                )
            ),
            UnmarkedBlock("PreSharedKeys.md", "mosquitto_pub", .isRun(by: "DocumentedBlocksTests")),
            UnmarkedBlock("Alerts.md", "alerts:", .isRun(by: "DocumentedBlocksTests")),
            UnmarkedBlock("Alerts.md", "smtp:", .isRun(by: "DocumentedBlocksTests")),
            UnmarkedBlock(
                "Receiving.md", "tollgate product uplink",
                .isNotRun(
                    "wants NATS' own command line; UplinkTests runs the verb, and reads and asks by NATS' library"
                )
            ),
        ]

    private static let loadTesting = [
        "make load", "tollgate-load activate --url mqtts://gw.example.org --fleet fleet.csv",
        "tollgate-load activate --url mqtts://gw.example.org --fleet certified.csv",
        "tollgate-load connect", "start=", "publish against",
    ].map { UnmarkedBlock("LoadTesting.md", $0, .isRun(by: "LoadTestingPageTests")) }

    private static let operating =
        [
            "tollgate: config/tollgate.yaml", "tollgate device list", "2026-11-21T08:15:30.250Z",
            "tollgate backup",
        ].map { UnmarkedBlock("Operating.md", $0, .isRun(by: "DocumentedBlocksTests")) } + [
            UnmarkedBlock("Operating.md", "tollgate serve", .isRun(by: "HelpTests")),
            UnmarkedBlock(
                "Operating.md", "make deb",
                .isNotRun("installs as root; PackagingTests installs below a directory of its own")),
            UnmarkedBlock(
                "Operating.md", "accounts {",
                .isNotRun(
                    "is for NATS servers; those of all tests have the same accounts (NATSServers)")),
            UnmarkedBlock(
                "Operating.md", "tollgate cluster adopt",
                .isNotRun("wants three gateways that have lost their log, as AdoptionTests has")),
        ]
}
