"""Programs that test, build, check, keep and install code, as `vibeloom.programs` reads them."""

TABLE = """
# tests
pytest tox nox behave robot locust trial jest mocha ava jasmine nyc c8 wdio bats ctest rspec
cucumber phpunit pest paratest gotestsum ginkgo
coverage: run report html xml json combine erase
vitest: run watch bench related
karma: start
cypress: run open verify install
playwright: test install codegen show-report
k6: run
newman: run

# builds
earthly configure autoconf automake autoreconf libtool pkg-config scons mill clj gcc g++ cc c++
clang clang++ ld lld ar nasm nvcc emcc rustc javac kotlinc scalac ghc ocamlc ocamlopt swiftc fpc
gfortran tsc tsgo ts-node esbuild swc babel rollup tsup tsdown unbuild svelte-check vue-tsc electron
electron-builder tailwindcss postcss sass lessc protoc fastlane dmd solc
make: SCRIPTS
just: SCRIPTS
task: SCRIPTS
mage: SCRIPTS
cmake: --build --install
ninja: all clean install test check
meson: setup compile test install configure
xmake: build run test clean
bazel: build test run query clean coverage fetch
buck2: build test run
pants: test lint check fmt package run
mvn: clean compile deploy install package site test test-compile validate verify
gradle: assemble build check clean compileJava compileKotlin dependencies jar lint publish run tasks
    test assembleDebug assembleRelease testDebugUnitTest installDebug bootRun spotlessApply
ant: all build clean compile dist jar test
sbt: clean compile package publishLocal run test
lein: test run uberjar deps repl
tsx: watch
webpack: build serve watch
vite: build dev preview optimize
parcel: build watch
rspack: build serve
next: build dev start lint export
nuxt: build dev generate preview prepare
nuxi: build dev generate typecheck
astro: build check dev preview sync
remix: build dev
svelte-kit: sync
ng: build test serve lint generate e2e new
gatsby: build develop clean serve
vue-cli-service: build serve lint test:unit
react-scripts: build start test
expo: start build export install prebuild run:android run:ios
eas: build submit update
react-native: start run-android run-ios
electron-forge: make package start
tauri: build dev
storybook: build dev
nx: affected build e2e generate graph lint run run-many serve test
turbo: run build test lint dev typecheck
turbo run: SCRIPTS
lerna: bootstrap run publish version
lerna run: SCRIPTS
rush: build install rebuild update
buf: build generate lint
xcodebuild: archive build clean test
xcrun: simctl
xcodegen: generate
tuist: generate
pod: install update
flutter: analyze build clean create devices doctor drive format pub run test upgrade
flutter pub: add get upgrade outdated run
flutter build: apk appbundle ios ipa web macos linux windows
dart: analyze compile create fix format pub run test
dart pub: add get upgrade run
zig: build run test fmt cc ast-check
zig build: run test
nim: c compile js check
nimble: build test install
crystal: build run spec tool
dub: build test run
forge: build test script create fmt snapshot install
hardhat: compile test node run
anchor: build test deploy
wasm-pack: build test publish
trunk: build serve

# languages' own tools
rustfmt gofmt gofumpt goimports msbuild elixir iex erl erlc ghci ocaml rubocop standardrb brakeman
sorbet psalm phpcs phpcbf pint
cargo: add audit bench build check clean clippy deny doc expand fetch fix flamegraph fmt fuzz hack
    init insta install llvm-cov login machete metadata miri new nextest outdated package publish
    remove run search tarpaulin test tree uninstall update upgrade vendor watch xtask zigbuild
cargo nextest: list run
rustup: component default show target toolchain update override
go: build clean doc env fix fmt generate get install list mod run test tool version vet work
go mod: download edit graph init tidy vendor verify why
go tool: cover pprof trace
go work: init sync use
dlv: debug test
swift: build package run test format
swift package: init resolve update clean
dotnet: add build clean ef format list new nuget pack publish remove restore run sln test tool watch
dotnet ef: database migrations
dotnet tool: install restore run update
nuget: install pack push restore
mix: compile credo deps.get deps.compile dialyzer ecto.create ecto.migrate ecto.reset format new
    phx.server release run test
rebar3: compile eunit ct dialyzer shell
stack: build test run exec install ghci
cabal: build test run install update repl
dune: build test runtest exec clean fmt
opam: install switch update exec
rake: all build clean db:migrate db:reset db:rollback db:seed db:setup install spec test lint
rails: console db:migrate db:seed db:reset db:rollback generate new routes runner server test
gem: build install list push update
bundle: add check exec install outdated update
srb: tc
jekyll: build serve
composer: create-project dump-autoload dumpautoload install outdated remove require run run-script
    show test update validate
artisan: migrate migrate:fresh serve test tinker
phpstan: analyse analyze
php-cs-fixer: fix
rector: process
symfony: serve console

# lint, types, formatting
eslint prettier oxlint stylelint xo tslint markdownlint markdownlint-cli2 commitlint depcheck knip
lint-staged madge publint attw cspell vale black isort flake8 pylint mypy pyright basedpyright
pytype bandit pydocstyle autopep8 autoflake yapf vulture radon pyupgrade djlint codespell
interrogate import-linter lint-imports deptry staticcheck govulncheck revive errcheck clang-format
clang-tidy cppcheck cpplint iwyu shellcheck shfmt hadolint yamllint actionlint taplo swiftlint
swiftformat ktlint detekt checkstyle spotbugs hlint ormolu fourmolu stylua luacheck selene tflint
ansible-lint cfn-lint grype trufflehog codeql sonar-scanner buildifier treefmt nixfmt statix
biome: check ci format lint
husky: install
ruff: check format
dmypy: run
pyre: check
ty: check
pre-commit: autoupdate install run
sqlfluff: fix format lint
golangci-lint: run fmt
semgrep: scan ci
trivy: fs image
snyk: test
gitleaks: detect
dprint: check fmt

# version control and its hosts
hub tea hg svn gt git-lfs tig lazygit act
git: add am annotate apply archive bisect blame branch bundle cat-file check-ignore checkout cherry
    cherry-pick clean clone commit commit-tree config count-objects describe diff diff-index
    diff-tree difftool fetch filter-branch filter-repo for-each-ref format-patch fsck gc grep
    hash-object help init lfs log ls-files ls-remote ls-tree maintenance merge merge-base merge-file
    mergetool mv name-rev notes prune pull push range-diff read-tree rebase reflog remote repack
    reset restore rev-list rev-parse revert rm shortlog show show-ref sparse-checkout stash status
    submodule subtree switch symbolic-ref tag update-index update-ref version worktree write-tree
git stash: apply clear drop list pop push show
git worktree: add list prune remove
git submodule: add foreach init status sync update
git lfs: install pull push track
gh: api auth browse cache codespace extension gist issue label pr project release repo run search
    secret status variable workflow
gh pr: checkout checks close comment create diff edit list merge ready reopen review status view
gh issue: close comment create edit list reopen status view
gh run: cancel download list rerun view watch
gh release: create download edit list upload view
gh repo: clone create fork list sync view
gh workflow: list run view
glab: api auth ci issue mr repo
glab mr: checkout create diff list merge note view
jj: abandon commit describe diff git log new rebase squash st
dvc: add pull push repro

# packages
npx ncu changeset np pip-compile pip-sync pip-audit easy_install uvx virtualenv rvm aptitude dpkg
dpkg-query rpm pacman yay zypper port snap flatpak nix-build nix-env nix-shell nixos-rebuild
home-manager cpan cpanm helmfile
npm: access audit cache ci config create dedupe doctor exec explain fund help info init install link
    list login ls outdated pack pkg prefix prune publish query rebuild repo restart root run search
    start stop test uninstall unlink update version view whoami why
npm run: SCRIPTS
npm audit: fix
pnpm: add approve-builds audit build config create deploy dev dlx exec fetch format import init
    install licenses link lint list outdated pack preview prune publish rebuild remove run start
    store test typecheck unlink update why
pnpm run: SCRIPTS
yarn: add audit build cache config create dedupe dev dlx exec format info init install link lint
    list outdated pack preview publish remove run start test typecheck unlink up upgrade why
    workspace workspaces
yarn run: SCRIPTS
bun: add build create dev init install link lint outdated pm publish remove run start test typecheck
    unlink update upgrade x
bun run: SCRIPTS
corepack: enable prepare use
nvm: install use ls current
fnm: install use list
volta: install pin run
deno: add bench bundle cache check compile doc eval fmt info install jupyter lint run serve task
    test upgrade
deno task: SCRIPTS
pip: cache check compile config debug download freeze index inspect install list search show
    uninstall wheel
pipx: ensurepath inject install list run uninstall upgrade
uv: add build cache export init lock pip publish python remove run self sync tool tree venv version
uv pip: check compile freeze install list show sync tree uninstall
uv tool: install list run uninstall upgrade
uv python: find install list pin
poetry: add build cache check config env export init install lock new publish remove run self shell
    show update version
pipenv: check graph install lock run shell sync uninstall update
pdm: add build init install lock remove run sync update
hatch: build env fmt run shell test version
rye: add build fmt lint lock run sync test
pixi: add install run
doppler: run
flit: build install publish
twine: check upload
conda: activate create env info install list remove run update
mamba: create install run update
micromamba: create install run
pyenv: global install local versions
asdf: install local plugin
mise: exec install run task use
direnv: allow exec
rbenv: install local
sdk: install use
apt: install list policy purge remove search show update upgrade
apt-get: autoremove build-dep clean download install purge remove source update upgrade
apt-cache: policy search show
dnf: install remove update
yum: install remove update
apk: add del info update
brew: bundle cask doctor info install link list outdated reinstall search services tap uninstall
    update upgrade
nix: build develop eval flake fmt profile run search shell
choco: install
scoop: install
winget: install
vcpkg: install
conan: install build create
luarocks: install make
"""
