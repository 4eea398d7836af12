#include "control-plane/secrets/secret_content.h"

#include <string>

#include "shared/base/status.h"

namespace perigee::control {
namespace {

std::string ContextOf(const v1::Secret& secret) {
  return absl::StrCat("Secret/", secret.metadata().uid(), "/", secret.spec().version());
}

}  // namespace

absl::Status EncryptContent(const Vault& vault, const v1::SecretContent& content, v1::Secret& secret) {
  PERIGEE_ASSERT(!secret.metadata().uid().empty() && !secret.spec().version().empty());
  PERIGEE_ASSIGN_OR_RETURN(*secret.mutable_spec()->mutable_encrypted(),
                           vault.Encrypt(ContextOf(secret), content.SerializeAsString()));
  secret.mutable_spec()->clear_data();
  return absl::OkStatus();
}

absl::StatusOr<v1::SecretContent> DecryptContent(const Vault& vault, const v1::Secret& secret) {
  v1::SecretContent content;
  if (secret.spec().encrypted().empty()) return content;
  absl::StatusOr<std::string> plain = vault.Decrypt(ContextOf(secret), secret.spec().encrypted());
  PERIGEE_RETURN_IF_ERROR(
      Annotate(plain.status(),
               absl::StrCat("opening Secret ", secret.metadata().project(), "/", secret.metadata().name())));
  if (!content.ParseFromString(*plain)) return absl::DataLossError("the content of a Secret is not readable");
  return content;
}

}  // namespace perigee::control
