#include "satellite/link/certificate_request.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/pki/request.h"

namespace perigee::satellite {

absl::StatusOr<std::string> MakeRequestDer(const PrivateKey& key) {
  PERIGEE_ASSIGN_OR_RETURN(std::string pem, MakeRequest(key));
  // PEM (RFC 7468): base64 between two lines of dashes.
  std::string base64;
  const std::vector<std::string> lines = absl::StrSplit(pem, '\n');
  for (const std::string& line : lines) {
    if (!line.starts_with("-----")) base64 += line;
  }
  std::string der;
  if (!absl::Base64Unescape(base64, &der) || der.empty())
    return absl::InternalError("the certificate request is not PEM");
  return der;
}

}  // namespace perigee::satellite
