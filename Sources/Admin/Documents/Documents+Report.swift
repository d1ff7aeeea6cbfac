import Gateway
import Ledger
import Metering
import Time

/// An account's month, as it is answered: what the event log has of it, what the books have now, and the messages by day.
struct MonthReport: Sendable {
    /// Of one product, or of all together and the account itself.
    struct Line: Sendable {
        var figures = MonthFigures()

        /// Periods of entitlement that end in the month, and in the next one.
        var ending: UInt64 = 0
        var endingNext: UInt64 = 0

        /// At the end: of the running month what there is now, `nil` of a past one.
        var left: UInt64?
        var known: UInt64?
        var active: UInt64?

        /// Units of messages (rule C1), of allowances and from packs.
        var used: UInt64 = 0
        var topUp: UInt64 = 0

        /// All but what is there now.
        mutating func add(_ other: Line) {
            figures.add(other.figures)
            ending &+= other.ending
            endingNext &+= other.endingNext
            used &+= other.used
            topUp &+= other.topUp
        }

        /// Whether the month has brought anything.
        var isEmpty: Bool {
            figures == MonthFigures() && ending == 0 && endingNext == 0 && used == 0 && topUp == 0
        }
    }

    struct Product: Sendable {
        let key: ProductKey
        let name: String
        let isDeleted: Bool
        let line: Line
    }

    let account: AccountID
    let name: String
    let month: Month

    /// The account's first one.
    let since: Month
    let span: Range<Timestamp>
    let isRunning: Bool
    let at: Timestamp
    var total = Line()
    var products: [Product] = []
    var packs: [(kind: TopUpKind, figures: MonthOfPacks)] = []
    var days: [ProductDay] = []

    /// Nodes that did not say what they have counted.
    var missing: [NodeName] = []

    /// `nil` when messages of that time were forgotten.
    var mail: MonthOfMail?
}

extension Documents {
    private static let monthFigures = Shape<MonthReport.Line>("MonthFigures") {
        Member("codes") {
            Member("bought", \.figures.bought)
            Member("granted", \.figures.granted, "Given free (rule A7).")
            Member(
                "voided", \.figures.voided,
                "Of purchases, by corrections (rule A11); the account's, whatever product had them."
            )
            Member("assigned", \.figures.assigned, "Of the account's unassigned codes (rule A3).")
            Member("takenBack", \.figures.takenBack, "Assigned ones, by corrections (rule A11).")
            Member(
                "lost", \.figures.forfeited,
                "Not consumed when their product was deleted (rule B9).")
            Member("left", \.left, "Null of a past month: that is not kept.")
        }
        Member("consumed") {
            Member("first", \.figures.first)
            Member("renewal", \.figures.renewal)
            Member("manual", \.figures.manual, "By an operator (rule B7).")
            Member("voided", \.figures.consumptionsVoided, "By corrections (rule A11).")
        }
        Member("ending") {
            Member("month", \.ending, "Periods of entitlement that end in the month.")
            Member("nextMonth", \.endingNext, "Those that end in the next one.")
        }
        Member("devices") {
            Member("registered", \.figures.registered, "Imported ones among them.")
            Member("deleted", \.figures.deleted)
            Member("known", \.known, "Null of a past month: that is not kept.")
            Member("active", \.active, "Null of a past month: that is not kept.")
        }
        Member("messages") {
            Member("used", \.used, "Units (rule C1) that the devices' allowances covered.")
            Member("topUp", \.topUp, "Units from top-up packs (rule C6).")
        }
        Member("ota") {
            Member("upgrades", \.figures.upgrades, "That were let start.")
            Member("fromAllowance", \.figures.fromAllowance, "Attempts (rule D2).")
            Member("fromPacks", \.figures.fromPacks, "Attempts (rule D1).")
            Member("givenBack", \.figures.givenBack, "Attempts of upgrades that failed.")
        }
        Member("alerts") {
            Member("fired", \.figures.fired)
            Member("resolved", \.figures.resolved)
        }
    }

    private static let monthOfMail = Shape<MonthOfMail>("MonthOfMail") {
        Member("sent", \.sent)
        Member("givenUp", \.givenUp)
        Member("waiting", \.waiting)
    }

    static let accountReport = Shape<MonthReport>("AccountReport") {
        Member("account", \.account)
        Member("name", \.name)
        Member("month", \.month, as: .month)
        Member("since", \.since, as: .month, "The account's first month.")
        Member("from", \.span.lowerBound)
        Member("to", \.span.upperBound, "The first instant of the next month.")
        Member("running", \.isRunning, "Whether the month has not ended.")
        Member("at", \.at, "When the report was made.")
        Member("total", monthFigures, \.total)
        Member("products", each: \.products) {
            Member("pk", \.key)
            Member("name", \.name)
            Member("deleted", \.isDeleted)
            Member("figures", monthFigures, \.line)
        }
        Member("packs", each: \.packs) {
            Member("kind", \.kind)
            Member("packs", \.figures.packs, "Bought or given.")
            Member("bought", \.figures.bought, "Units.")
            Member("given", \.figures.given, "Units.")
            Member("used", \.figures.used, "Units that were accounted for.")
            Member("givenBack", \.figures.givenBack, "Units of upgrades that failed.")
            Member("expired", \.figures.expired, "Units.")
            Member("voided", \.figures.voided, "Units (rule A11).")
        }
        Member("days", each: \.days) {
            Member("day", \.day)
            Member("used", \.used, "Units that allowances covered.")
            Member("topUp", \.topUp, "Units from top-up packs.")
        }
        Member(
            "mail", monthOfMail, orNull: \.mail)
        Member(
            "missing", \.missing,
            "Nodes that did not answer: the messages that they have counted are not in it.")
    }
}
