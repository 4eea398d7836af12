// Which cloud cloudctl talks to, and as whom: contexts in one YAML file that only
// its owner can read, with the certificate and key of each beside it.
//
//   ~/.config/perigee/config.yaml          currentContext, contexts
//   ~/.config/perigee/contexts/NAME/       ca.pem, client.pem, client.key (mode 0600)
//
// $PERIGEE_CONFIG names another file. Files are written atomically.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace perigee {

struct Context {
  std::string name;
  std::string server;   // https://HOST:PORT of enrolment and login
  std::string grpc;     // HOST:PORT of the API
  std::string ca_hash;  // sha256:HEX of the root certificate
  std::string user;
  std::string project;  // "default" when empty
};

struct ContextFile {
  std::string path;
  std::string current;
  std::vector<Context> contexts;

  const Context* Find(std::string_view name) const;
  void Put(Context context);  // replaces one of the same name
};

// $PERIGEE_CONFIG, else ~/.config/perigee/config.yaml. FAILED_PRECONDITION when neither can be told.
absl::StatusOr<std::string> ContextFilePath();
// An absent file is an empty one. PERMISSION_DENIED when others can read it.
absl::StatusOr<ContextFile> LoadContextFile(const std::string& path);
absl::Status SaveContextFile(const ContextFile& file);
// The named context, or the current one when `name` is empty; the error says how to log in.
absl::StatusOr<Context> ChooseContext(const ContextFile& file, std::string_view name);

struct Credentials {
  std::string roots_pem;
  std::string chain_pem;
  std::string key_pem;
};
absl::StatusOr<Credentials> LoadCredentials(const ContextFile& file, const Context& context);
absl::Status SaveCredentials(const ContextFile& file, const Context& context, const Credentials& credentials);

}  // namespace perigee
