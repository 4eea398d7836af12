#include "shared/rpc/process_setup.h"

#include <grpc/support/log.h>

#include <cstdlib>

#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee {
namespace {

void Set(const char* name, const char* value) {
  PERIGEE_ASSERT(setenv(name, value, 1) == 0);
}

void CopyWhereUnset(const char* from, const char* to) {
  const char* const value = std::getenv(from);
  if (value != nullptr && std::getenv(to) == nullptr) Set(to, value);
}

void ToOurLog(gpr_log_func_args* record) {
  Log(Level::kDebug, record->message, {{"grpc", record->file}, {"line", record->line}});
}

}  // namespace

void PrepareGrpc() {
  Set("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384");
  CopyWhereUnset("HTTPS_PROXY", "https_proxy");
  CopyWhereUnset("NO_PROXY", "no_proxy");
  gpr_set_log_function(ToOurLog);
}

}  // namespace perigee
