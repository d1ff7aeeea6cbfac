import Processes
import Support
import Testing

/// Everything here runs one test at a time: the clients block, and would keep each other from being
/// served in time.
@Suite(.serialized, .waitsApart) enum WholeGateway {}
