/** Names for notebooks that were given none: the editor, a mood and an animal, e.g. `jupyterlab-quiet-heron`. */

const MOODS =
  'amber bold brave bright brisk calm clever cosy curious eager early fair fast fond gentle glad golden happy keen kind late light lively lucky mellow merry mild modest neat nimble noble patient plain polite proud quick quiet rapid ready silent silver slow smart snug soft sound spry steady still sunny swift tame tidy true vivid warm wild wise witty young'.split(
    ' ',
  )

const ANIMALS =
  'alpaca badger beaver bison bittern buzzard cat condor crane crow curlew deer dingo dolphin dove eagle egret falcon ferret finch fox gecko goose grouse gull hare hawk heron ibex ibis jackal jay kestrel kite lark lemur linnet llama lynx magpie marmot marten merlin moose newt osprey otter owl panda pelican plover puffin quail raven robin seal shrew skylark snipe sparrow starling stoat stork swallow swan swift tapir teal tern thrush toad vole walrus weasel wombat wren yak zebra'.split(
    ' ',
  )

/** `random` answers a number in [0, 1). */
export function makeName(editor: string, random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] as string
  return `${editor}-${pick(MOODS)}-${pick(ANIMALS)}`
}
