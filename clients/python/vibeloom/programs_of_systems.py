"""Programs that run, store, send and show things, as `vibeloom.programs` reads them."""

TABLE = """
# containers, clouds, servers
nerdctl buildah skopeo kaniko lima limactl k9s kubectx kubens argocd flux istioctl stern ansible
ansible-playbook vault consul nomad awslocal az doctl oci service journalctl launchctl supervisorctl
nginx caddy apachectl haproxy certbot ngrok cloudflared tailscale nodemon concurrently http-server
live-server serve uvicorn gunicorn hypercorn daphne granian gradio airflow prefect ipython papermill
docker: attach build builder buildx commit compose config container context cp create diff events
    exec export history image images import info inspect kill load login logout logs manifest
    network pause port ps pull push rename restart rm rmi run save scout search start stats stop
    swarm system tag top unpause update version volume wait
docker compose: build config cp create down events exec images kill logs ls pause port ps pull push
    restart rm run start stop top unpause up version wait watch
docker buildx: bake build create inspect ls use
docker system: df info prune
docker image: inspect ls prune rm
docker volume: create inspect ls prune rm
docker network: connect create inspect ls rm
docker container: inspect ls prune rm
podman: build compose exec images inspect logs ps pull push rm rmi run start stop
colima: start stop status
kubectl: annotate api-resources apply auth autoscale cluster-info config cordon cp create debug
    delete describe diff drain edit exec explain expose get kustomize label logs patch port-forward
    replace rollout run scale set top version wait
kubectl rollout: history restart status undo
kubectl config: current-context get-contexts set-context use-context view
helm: create dependency get history install lint list package pull push repo rollback search show
    status template test uninstall upgrade
kustomize: build
minikube: start stop status delete
kind: create delete get load
k3d: cluster
skaffold: build dev run
tilt: up down ci
terraform: apply console destroy fmt get graph import init output plan providers refresh show state
    taint test validate version workspace
terragrunt: apply destroy init plan
pulumi: destroy preview refresh stack up
cdk: bootstrap deploy destroy diff synth
sam: build deploy local validate
sst: deploy dev
serverless: deploy invoke offline remove
packer: build validate
vagrant: destroy halt ssh up
ansible-galaxy: install
aws: cloudformation cloudwatch configure dynamodb ec2 ecr ecs eks iam lambda logs rds s3 s3api
    secretsmanager sns sqs ssm sts
aws s3: cp ls mb mv rb rm sync
gcloud: app auth builds compute config container functions logging projects run secrets services sql
    storage
gsutil: cp ls rm rsync
bq: query ls show
fly: deploy launch logs secrets ssh status
heroku: config logs ps run
vercel: build deploy dev env link logs pull
netlify: build deploy dev
wrangler: d1 deploy dev kv publish secret tail
railway: deploy logs run up
supabase: db functions gen init link migration start status stop
firebase: deploy emulators:start serve
amplify: push
convex: deploy dev
stripe: listen trigger
systemctl: daemon-reload disable enable is-active list-units reload restart start status stop
pm2: delete list logs restart start stop
flask: run shell db
fastapi: dev run
streamlit: run
celery: beat worker
dagster: dev
django-admin: startproject startapp
manage.py: check collectstatic createsuperuser flush loaddata makemigrations migrate runserver shell
    showmigrations startapp test
scrapy: crawl
jupyter: lab nbconvert notebook execute

# databases
psql pg_dump pg_restore pg_ctl pg_isready createdb dropdb createuser initdb pgbench vacuumdb mysql
mysqldump mysqladmin mariadb sqlite3 duckdb redis-cli redis-server valkey-cli mongosh mongo mongod
mongodump cqlsh influx clickhouse clickhouse-client sqlcmd bcp typeorm sequelize
prisma: db format generate init migrate studio validate
prisma migrate: deploy dev diff reset resolve status
prisma db: execute pull push seed
drizzle-kit: check generate migrate push studio
alembic: check current downgrade heads history revision stamp upgrade
flyway: migrate
liquibase: update
dbmate: up down new
goose: up down
atlas: schema migrate
sqlx: migrate prepare
diesel: migration setup
sqlc: generate
knex: migrate:latest seed:run
dbt: build compile debug deps run seed snapshot test

# languages
python pypy ruby irb perl php java jar jshell kotlin scala groovy lua luajit R Rscript julia
octave matlab tclsh racket sbcl guile swipl pwsh powershell osascript wasmtime wasmer
qemu-system-x86_64 bash sh zsh fish dash ksh expect gdb lldb valgrind strace ltrace objdump nm
readelf strip ldd addr2line hyperfine wrk ab hey vegeta snakeviz scalene
node: --test --check
perf: record report stat
py-spy: dump record top
memray: run

# networks and keys
curl wget http https xh aria2c yt-dlp ssh scp sftp rsync ssh-keygen ssh-add ssh-copy-id ssh-keyscan
nc ncat socat telnet grpcurl websocat wscat nmap tcpdump mitmproxy openssl gpg age sops pass op
mkcert keytool
rclone: copy sync ls

# agents and models
gemini aider cursor-agent llm torchrun deepspeed nvidia-smi tensorboard wandb ccusage vibeloom code
cursor
claude: mcp config doctor update
codex: exec
opencode: run
ollama: list pull run serve show
vllm: serve
huggingface-cli: download login upload
hf: download upload
accelerate: launch
mlflow: run ui

# documents, pictures, sound
pandoc pdflatex xelatex lualatex latexmk bibtex biber tectonic pdftotext pdftoppm pdfinfo qpdf gs
libreoffice soffice sphinx-build doxygen eleventy typedoc jsdoc rustdoc pdoc dot mmdc plantuml
ffmpeg ffprobe sox convert magick identify mogrify inkscape gimp blender godot exiftool tesseract
optipng pngquant cwebp svgo rsvg-convert espeak say avdmanager sdkmanager esptool.py openocd
typst: compile watch
mkdocs: build serve
mdbook: build serve test
hugo: server new
zola: build serve
quarto: render preview
docusaurus: build start
adb: devices install logcat push shell
arduino-cli: compile upload
platformio: run test
pio: run test
idf.py: build flash monitor
west: build flash

# modules of python's that are no program of their own
python -m: build cProfile compileall ensurepip http.server json.tool py_compile timeit unittest venv
"""
