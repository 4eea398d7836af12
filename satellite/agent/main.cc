// perigee-satellite: the agent of a satellite and the commands for people at the site.
#include <CLI/CLI.hpp>

#include <limits>
#include <string>

#include "satellite/agent/commands.h"
#include "shared/rpc/process_setup.h"

int main(int argc, char** argv) {
  using namespace perigee::satellite;
  perigee::PrepareGrpc();
  CLI::App app{
      "perigee-satellite: runs what the control plane wants on this host, also while it is out of reach"};
  app.set_version_flag("--version", std::string("perigee-satellite ") + PERIGEE_VERSION);
  app.require_subcommand(1);
  int code = kExitError;

  EnrollFlags enroll;
  CLI::App* enroll_command = app.add_subcommand("enroll", "make this host a satellite");
  enroll_command->add_option("--server", enroll.server, "https://HOST:PORT of the control plane")->required();
  enroll_command->add_option("--ca-hash", enroll.ca_hash, "sha256:HEX of its root certificate")->required();
  enroll_command->add_option("--token-file", enroll.token_file, "file with the token; - is standard input")
      ->required();
  enroll_command->add_option("--data-dir", enroll.data_dir, "where identity and state are kept")
      ->capture_default_str();
  enroll_command->add_option("--name", enroll.name,
                             "wanted name of the satellite, a DNS label as berlin-1; chosen when left out");
  enroll_command->add_flag("--anew", enroll.anew,
                           "also where this host is enrolled already, as after a revocation");
  enroll_command->add_option("--wait", enroll.wait, "how long to wait for approval, as 10m or 1d (10m)");
  enroll_command->add_option("--address", enroll.address, "address where workloads of this host listen");
  enroll_command->add_option("--capacity", enroll.capacity, "cpu=4,memory=8Gi instead of what is measured");
  enroll_command->callback([&] { code = RunEnroll(enroll); });

  RunFlags run;
  CLI::App* run_command =
      app.add_subcommand("run", "run the agent until it is told to end; workloads outlive it");
  run_command->add_option("--data-dir", run.data_dir, "where identity and state are kept")
      ->capture_default_str();
  run_command->add_option("--runtime-dir", run.runtime_dir, "that of perigee-launcher")
      ->capture_default_str();
  run_command->add_option("--address", run.address,
                          "address where workloads of this host listen (127.0.0.1)");
  run_command->add_option("--capacity", run.capacity, "cpu=4,memory=8Gi instead of what is measured");
  run_command->callback([&] { code = RunAgent(run); });

  std::string data_dir = kDataDir;
  std::string replica;
  size_t tail = std::numeric_limits<size_t>::max();
  CLI::App* status =
      app.add_subcommand("status", "what runs here, and how the link is; needs no control plane");
  status->add_option("--data-dir", data_dir, "that of the agent")->capture_default_str();
  std::string output = "table";
  status->add_option("-o,--output", output, "table or json")->check(CLI::IsMember({"table", "json"}));
  status->callback([&] { code = RunStatus(data_dir, output == "json"); });

  CLI::App* logs = app.add_subcommand("logs", "what a replica wrote; needs neither control plane nor agent");
  logs->add_option("replica", replica, "name or id of a replica, or of a workload")->required();
  logs->add_option("--tail", tail, "only the last so many lines");
  logs->add_option("--data-dir", data_dir, "that of the agent")->capture_default_str();
  logs->callback([&] { code = RunLogs(data_dir, replica, tail); });

  CLI::App* restart = app.add_subcommand("restart", "stop and start a replica; needs no control plane");
  restart->add_option("replica", replica, "name or id of a replica, or of a workload");
  bool all = false;
  restart->add_flag("--all", all, "every replica of this host");
  restart->add_option("--data-dir", data_dir, "that of the agent")->capture_default_str();
  restart->callback([&] { code = RunRestart(data_dir, replica, all); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitError;
  }
  return code;
}
