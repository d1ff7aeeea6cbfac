import Testing

extension ProgramTests {
    @Test("A7, E1, C8: accounts, their sub-accounts and contacts, and a product's days by verbs")
    func accountVerbs() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        func run(_ line: String) throws -> Program.Result {
            try serving.run(line.split(separator: " ").map(String.init))
        }
        let ann = try run(
            "account create --id ann --name Ann --kind individual --email ann@example.org")
        #expect(ann.output.contains("codes.unassigned  5"))
        #expect(ann.output.contains("ann@example.org"))
        let sub = try run("account create-sub-account ann --id shop --name Shop")
        #expect(sub.code == 0 && sub.output.contains("individual"))
        #expect(try run("account certify ann --yes").output.contains("codes.total       10"))
        let again = try run("account certify ann --yes")
        #expect(again.code == 1 && again.errors.hasPrefix("tollgate: enterprise-already: "))
        let subs = try run("account sub-accounts ann").output.split(separator: "\n")
        #expect(subs.count == 2 && subs[1].hasPrefix("shop  Shop  enterprise"))
        let updated = try run("account update ann --name Ann&Co")
        #expect(updated.output.contains("Ann&Co"))
        #expect(try run("account add-contact ann bob@example.org --name Bob").code == 0)
        let wrong = try run("account add-contact ann bob@example")
        #expect(wrong.code == 1 && wrong.errors.contains("e-mail address"))
        #expect(try run("account contacts shop").output.contains("bob@example.org  Bob"))
        #expect(try run("account remove-contact shop bob@example.org").code == 0)
        #expect(!(try run("account contacts ann").output.contains("bob")))
        let product = try run(
            "product create --pk lamp --name Lamp --account ann --data-centre eu-west")
        #expect(product.output.contains("eu-west"))
        #expect(try run("product list --data-centre main").output.split(separator: "\n").count == 1)
        #expect(try run("product usage lamp --from 2026-11-01").output == "DAY  USED\n")
        #expect(
            try run("account show ann --data-centre eu-west").output.contains("codes.total       0")
        )
        let key = try run("key create --name K --account ann --json").output
        let id = key.split(separator: "\"").dropFirst(3).first.map(String.init) ?? ""
        #expect(try run("key revoke \(id) --yes").code == 0)
        #expect(serving.end() == 0)
    }
}
