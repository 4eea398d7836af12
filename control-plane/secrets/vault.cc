#include "control-plane/secrets/vault.h"

#include <openssl/crypto.h>
#include <sys/stat.h>

#include <utility>

#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/status.h"
#include "shared/seal/envelope.h"

namespace perigee::control {
namespace {

constexpr std::string_view kKeyFile = "secrets.key";
// What the key of an earlier start has encrypted.
constexpr std::string_view kEncrypted[] = {"perigee.db", "pki"};
constexpr uint32_t kOwnerOnly = 0600;
// Of one envelope's own key, itself sealed: magic, nonce, key, tag (shared/seal/envelope.h).
constexpr size_t kWrappedKeyBytes = 4 + 12 + kEnvelopeKeyBytes + 16;

void Wipe(std::string& bytes) {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

absl::StatusOr<std::string> MakeKey(const std::string& path, Random& random) {
  std::string key = random.Bytes(kEnvelopeKeyBytes);
  PERIGEE_FAILPOINT("vault.make_key");
  PERIGEE_RETURN_IF_ERROR(Annotate(WriteFileAtomically(path, key, kOwnerOnly), "making the key of secrets"));
  return key;
}

// An error is no answer: a key that cannot be seen just now must not be replaced.
absl::StatusOr<bool> IsThere(const std::string& path) {
  PERIGEE_FAILPOINT("vault.stat");
  struct stat info{};
  if (lstat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return ErrnoStatus(errno, absl::StrCat("looking for ", path));
}

absl::Status RefuseIfLost(const std::string& data_dir, const std::string& key_path) {
  for (const std::string_view name : kEncrypted) {
    const std::string path = absl::StrCat(data_dir, "/", ToAbsl(name));
    PERIGEE_ASSIGN_OR_RETURN(const bool there, IsThere(path));
    if (!there) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        key_path, " is missing, though ", path,
        " is there: without its key, secrets and the certificate authority cannot be decrypted, and a new "
        "key "
        "would not open them. Restore secrets.key from the backup that the data directory is from"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKey(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("reading the key file ", path));
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the key file ", path, " may be read by others than its owner: run `chmod 600 ", path, "`"));
  }
  PERIGEE_ASSIGN_OR_RETURN(std::string key, ReadFile(path, kEnvelopeKeyBytes + 1));
  if (key.size() == kEnvelopeKeyBytes) return key;
  return absl::DataLossError(absl::StrCat("the key file ", path, " has ", key.size(), " bytes instead of ",
                                          kEnvelopeKeyBytes, ": restore it from a backup"));
}

std::string KeyContext(std::string_view context) {
  return absl::StrCat("perigee-vault-key-v1/", ToAbsl(context));
}
std::string ContentContext(std::string_view context) {
  return absl::StrCat("perigee-vault-v1/", ToAbsl(context));
}

}  // namespace

Vault::Vault(std::string key) : key_(std::move(key)) {}

Vault::~Vault() {
  Wipe(key_);
}

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(const std::string& data_dir, Random& random) {
  const std::string path = absl::StrCat(data_dir, "/", ToAbsl(kKeyFile));
  PERIGEE_ASSIGN_OR_RETURN(const bool there, IsThere(path));
  if (!there) PERIGEE_RETURN_IF_ERROR(RefuseIfLost(data_dir, path));
  absl::StatusOr<std::string> key = there ? ReadKey(path) : MakeKey(path, random);
  if (!key.ok()) return key.status();
  std::unique_ptr<Vault> vault(new Vault(*key));
  Wipe(*key);
  return vault;
}

std::unique_ptr<Vault> Vault::Ephemeral(Random& random) {
  return std::unique_ptr<Vault>(new Vault(random.Bytes(kEnvelopeKeyBytes)));
}

absl::StatusOr<std::string> Vault::Encrypt(std::string_view context, std::string_view plain) const {
  std::string own_key = SystemRandom().Bytes(kEnvelopeKeyBytes);
  absl::StatusOr<std::string> wrapped = SealWithKey(key_, KeyContext(context), own_key);
  absl::StatusOr<std::string> content = SealWithKey(own_key, ContentContext(context), plain);
  Wipe(own_key);
  PERIGEE_RETURN_IF_ERROR(wrapped);
  PERIGEE_RETURN_IF_ERROR(content);
  PERIGEE_ASSERT(wrapped->size() == kWrappedKeyBytes);
  return absl::StrCat(*wrapped, *content);
}

absl::StatusOr<std::string> Vault::Decrypt(std::string_view context, std::string_view envelope) const {
  if (envelope.size() < kWrappedKeyBytes) return absl::DataLossError("an encrypted value is cut short");
  PERIGEE_ASSIGN_OR_RETURN(std::string own_key,
                           OpenWithKey(key_, KeyContext(context), envelope.substr(0, kWrappedKeyBytes)));
  absl::StatusOr<std::string> plain =
      OpenWithKey(own_key, ContentContext(context), envelope.substr(kWrappedKeyBytes));
  Wipe(own_key);
  return plain;
}

}  // namespace perigee::control
