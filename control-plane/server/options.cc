#include "control-plane/server/options.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "shared/base/status.h"
#include "shared/resource/quantity.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kShortestHeartbeat = absl::Milliseconds(100);
constexpr absl::Duration kLongestHeartbeat = absl::Minutes(5);

// As written on the command line.
struct Text {
  std::string lifetime = "90d";
  std::string heartbeat = "10s";
  std::string recovery = "auto";
};

void Declare(CLI::App& serve, ServeOptions& options, Text& text) {
  serve.add_option("--data-dir", options.data_dir, "Where everything is kept; made at the first start")
      ->required();
  serve.add_option("--listen", options.listen, "Address to listen on")->capture_default_str();
  serve.add_option("--https-port", options.https_port, "Enrolment, login, health; 0: a free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  serve.add_option("--grpc-port", options.grpc_port, "Satellites and cloudctl; 0: a free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  serve.add_option("--advertise", options.advertise,
                   "Name or address by which satellites and people reach this; may be given several times");
  serve.add_option("--satellite-certificate-lifetime", text.lifetime, "Such as 90d or 12h")
      ->capture_default_str();
  serve.add_option("--heartbeat", text.heartbeat, "How often satellites report that they live")
      ->capture_default_str();
  serve
      .add_option("--recovery", text.recovery,
                  "Satellites with an expired certificate: auto, approve or refuse")
      ->capture_default_str();
  serve.add_option("--log-level", options.log_level, "debug, info, warning or error");
}

absl::Status Read(const Text& text, ServeOptions& options) {
  absl::StatusOr<absl::Duration> lifetime = ParseDuration(text.lifetime);
  PERIGEE_RETURN_IF_ERROR(Annotate(lifetime.status(), "--satellite-certificate-lifetime"));
  if (*lifetime < absl::Seconds(10)) {
    return absl::InvalidArgumentError("--satellite-certificate-lifetime: must be at least 10s");
  }
  options.satellite_certificate_lifetime = *lifetime;
  absl::StatusOr<absl::Duration> heartbeat = ParseDuration(text.heartbeat);
  PERIGEE_RETURN_IF_ERROR(Annotate(heartbeat.status(), "--heartbeat"));
  if (*heartbeat < kShortestHeartbeat || *heartbeat > kLongestHeartbeat) {
    return absl::InvalidArgumentError("--heartbeat: must be between 100ms and 5m");
  }
  options.heartbeat = *heartbeat;
  absl::StatusOr<RecoveryPolicy> recovery = ParseRecoveryPolicy(text.recovery);
  PERIGEE_RETURN_IF_ERROR(Annotate(recovery.status(), "--recovery"));
  options.recovery = *recovery;
  return absl::OkStatus();
}

}  // namespace

std::variant<ServeOptions, Exit> ParseArguments(int argc, const char* const* argv) {
  ServeOptions options;
  Text text;
  CLI::App app("Perigee's control plane: one cloud over many sites.", "perigee-control-plane");
  const std::string version_line = absl::StrCat("perigee-control-plane ", PERIGEE_VERSION);
  app.set_version_flag("--version", version_line);
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "Run the control plane");
  CLI::App* version = app.add_subcommand("version", "Print the version");
  Declare(*serve, options, text);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const int code = app.exit(error, out, err);
    return Exit{code == 0 ? 0 : 2, out.str(), err.str()};
  }
  if (version->parsed()) return Exit{0, version_line + "\n", ""};
  if (const absl::Status read = Read(text, options); !read.ok()) {
    return Exit{2, "", absl::StrCat(read.message(), "\n")};
  }
  return options;
}

}  // namespace perigee::control
