#include "control-plane/identity/login.h"

#include <memory>

#include "absl/strings/ascii.h"
#include "control-plane/access/caller.h"
#include "control-plane/admission/intent.h"
#include "control-plane/identity/certificate_authority.h"
#include "control-plane/identity/password.h"
#include "control-plane/store/store.h"
#include "control-plane/watch/model.h"
#include "shared/base/failpoint.h"
#include "shared/base/files.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/session/moment.h"

namespace perigee::control {
namespace {

constexpr std::string_view kAdmin = "admin";
constexpr size_t kPasswordCharacters = 32;  // of 5 bits
constexpr size_t kPasswordLimit = 1024;
constexpr int kHashesAtOnce = 4;  // of 19 MiB each

// Reads the password of an interrupted first start, or makes one.
absl::StatusOr<std::string> EnsurePasswordFile(const std::string& path, Random& random) {
  const absl::StatusOr<std::string> there = ReadFile(path, limits::kTokenFileBytes);
  if (there.ok()) {
    std::string password(absl::StripAsciiWhitespace(*there));
    if (!password.empty()) return password;
  } else if (!absl::IsNotFound(there.status())) {
    return Annotate(there.status(), "reading the password of the first start");
  }
  std::string password = NewToken(random, kPasswordCharacters);
  PERIGEE_FAILPOINT("identity.login.before_password_file");
  PERIGEE_RETURN_IF_ERROR(
      Annotate(WriteFileAtomically(path, password + "\n", 0600), "writing the admin password"));
  return password;
}

}  // namespace

Login::Login(IdentityContext context)
    : context_(std::move(context)),
      failures_(limits::kLoginFailuresPerMinute, absl::Minutes(1)),
      nobody_hash_(
          HashPassword(NewToken(context_.random, kPasswordCharacters), context_.random).value_or("")) {
  PERIGEE_ASSERT(!nobody_hash_.empty());
}

absl::Status Login::EnsureAdmin(const std::string& data_dir) {
  PERIGEE_RETURN_IF_ERROR(context_.model.WaitFor(context_.store.Revision(), absl::Seconds(30)));
  if (context_.model.Get("User", "", kAdmin) != nullptr) return absl::OkStatus();
  PERIGEE_ASSIGN_OR_RETURN(const std::string password,
                           EnsurePasswordFile(data_dir + "/admin-password", context_.random));
  PERIGEE_ASSIGN_OR_RETURN(const std::string hash, HashPassword(password, context_.random));

  Intent::Change change{.verb = "create"};
  v1::User& user = *change.object.mutable_user();
  user.mutable_metadata()->set_name(std::string(kAdmin));
  user.mutable_spec()->set_password_hash(hash);
  PERIGEE_FAILPOINT("identity.login.before_admin");
  const absl::StatusOr<int64_t> revision = context_.intent.Commit(SystemCaller("identity"), {change});
  PERIGEE_RETURN_IF_ERROR(Annotate(revision.status(), "making the user admin"));
  return context_.model.WaitFor(*revision, absl::Seconds(30));
}

bool Login::Verify(std::string_view password, const std::string& phc) {
  {
    absl::MutexLock lock(&mutex_);
    const auto free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return hashing_ < kHashesAtOnce; };
    mutex_.Await(absl::Condition(&free));
    ++hashing_;
  }
  const bool right = VerifyPassword(password, phc);
  absl::MutexLock lock(&mutex_);
  --hashing_;
  return right;
}

absl::StatusOr<v1::LoginResponse> Login::Authenticate(const v1::LoginRequest& request,
                                                      std::string_view address) {
  if (request.password().size() > kPasswordLimit || request.user().size() > limits::kLabelValueLength) {
    return absl::InvalidArgumentError("user name or password is too long; check what was entered");
  }
  if (const absl::Duration wait = failures_.Begin(address, context_.clock.Now());
      wait > absl::ZeroDuration()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too many failed logins from this address; try again in ",
                     absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))), " s"));
  }
  const auto user = std::dynamic_pointer_cast<const v1::User>(context_.model.Get("User", "", request.user()));
  const bool known = user != nullptr && !user->spec().disabled() && !user->spec().password_hash().empty();
  // Hashed for an unknown user too, so that time does not tell who exists.
  const bool right = Verify(request.password(), known ? user->spec().password_hash() : nobody_hash_);
  if (!known || !right) {
    return absl::UnauthenticatedError(
        "user name or password is wrong; the first password of admin is in the file admin-password of the "
        "control plane's data directory");
  }
  failures_.Succeed(address);
  PERIGEE_ASSIGN_OR_RETURN(const IssuedCertificate issued,
                           context_.authority.IssueForUser(request.user(), request.certificate_request()));
  v1::LoginResponse response;
  response.set_certificate_chain(issued.chain_pem);
  response.set_root_certificates(context_.authority.root_pem());
  response.set_grpc_endpoint(context_.grpc_endpoint());
  *response.mutable_not_after() = ToTimestamp(issued.not_after);
  return response;
}

}  // namespace perigee::control
