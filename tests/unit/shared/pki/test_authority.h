// A root, an issuing CA and ways to make leaves of it, for tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "shared/base/status.h"
#include "shared/pki/identity_file.h"
#include "shared/pki/issue.h"

namespace perigee {

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) ADD_FAILURE() << value.status();
  PERIGEE_ASSERT(value.ok());
  return *std::move(value);
}

struct TestAuthority {
  Validity validity = {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)};
  PrivateKey root_key = Must(PrivateKey::GenerateEcP256());
  Certificate root = Must(MakeRoot(root_key, "Test root", validity));
  PrivateKey ca_key = Must(PrivateKey::GenerateEcP256());
  Certificate ca = Must(IssueAuthority({root_key, root}, ca_key.Public(), "Test issuing CA", validity));

  Identity Server(const ServerNames& names = {}) const {
    const PrivateKey key = Must(PrivateKey::GenerateEcP256());
    return {key, {Must(IssueServer({ca_key, ca}, key.Public(), names, validity)), ca}};
  }
  Identity Client(const std::string& uri) const {
    const PrivateKey key = Must(PrivateKey::GenerateEcP256());
    return {key, {Must(IssueClient({ca_key, ca}, key.Public(), uri, validity)), ca}};
  }
};

inline constexpr char kTestUid[] = "01890000-0000-7000-8000-000000000001";

}  // namespace perigee
