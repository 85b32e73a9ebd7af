// check.mjs PACKAGES SBOM MODULES: checks that an SBOM is valid by CycloneDX's own schema, strictly, and names every module that
// `go version -m` says is in the binary, with its version. PACKAGES is where the validator is installed.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [packages, sbom, modules] = process.argv.slice(2)
const { Spec, Validation } = createRequire(`${packages}/package.json`)('@cyclonedx/cyclonedx-library')

const fail = (text) => {
  console.error(`masq: error: ${text}`)
  process.exit(1)
}

const text = readFileSync(sbom, 'utf8')
const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
const wrong = await validator.validate(text)
if (wrong) fail(`the SBOM is not valid: ${JSON.stringify(wrong)}`)
if (!(await validator.validate(text.replace('"components"', '"others"')))) fail('the validator takes anything')

const { components, metadata } = JSON.parse(text)
if (metadata.component.version !== 'v12.34.56') fail(`the SBOM is of version ${metadata.component.version}`)
const listed = new Set(components.map((c) => `${c.name} ${c.version}`))
const built = readFileSync(modules, 'utf8').split('\n')
const deps = built.map((line) => line.split('\t')).filter(([, kind]) => kind === 'dep')
if (deps.length < 10) fail(`the binary has ${deps.length} modules`)
for (const [, , name, version] of deps) if (!listed.has(`${name} ${version}`)) fail(`the SBOM lacks ${name} ${version}`)
if (!components.some((c) => c.name === 'std')) fail('the SBOM lacks the standard library')
console.log(`the SBOM is valid, and names all ${deps.length} modules and the standard library`)
