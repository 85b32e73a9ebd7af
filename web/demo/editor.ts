// One note, edited in place. What is typed goes into its draft, which saves it.
import { announce, button, h } from './dom.js'
import type { Draft } from './drafts.js'
import { codeOf, errorText } from './errors.js'
import type { Item, Note } from './note.js'
import { t, when } from './words.js'

/** EditorActions is what the editor leaves to the page. */
export interface EditorActions {
  back(): void
  remove(id: string): void
}

/** Editor shows one note. It is thrown away when another note is opened. */
export class Editor {
  readonly el: HTMLElement
  readonly #title: HTMLInputElement
  readonly #text: HTMLTextAreaElement
  readonly #items = h('ul', { class: 'items', 'aria-label': t('checklist') })
  readonly #pin: HTMLButtonElement
  readonly #addItem: HTMLButtonElement
  readonly #state = h('p', { class: 'state' })
  readonly #problem = h('div', { class: 'problem', role: 'alert', hidden: true })
  readonly #follow = () => this.#changedElsewhere()

  /** stored says whether the note is, or is a new one. */
  constructor(
    readonly draft: Draft,
    stored: boolean,
    actions: EditorActions,
  ) {
    const changed = () => this.#changed()
    this.#title = h('input', {
      class: 'title',
      'aria-label': t('noteTitle'),
      placeholder: t('noteTitle'),
      autocomplete: 'off',
      oninput: changed,
    })
    this.#text = h('textarea', {
      class: 'text',
      'aria-label': t('noteText'),
      placeholder: t('writeHere'),
      autocomplete: 'off', // or the browser writes it in the clear into what it restores tabs from
      rows: 1,
      oninput: changed,
    })
    this.#pin = button(t('pin'), () => this.#togglePin(), { icon: 'pin', class: 'tool' })
    this.#addItem = button(t('addItem'), () => this.#newItem(), { icon: 'plus', class: 'quiet add-item' })
    this.el = h(
      'article',
      { class: 'note', 'aria-label': t('note') },
      h(
        'div',
        { class: 'tools', role: 'group', 'aria-label': t('thisNote') },
        button(t('allNotes'), actions.back, { icon: 'back', class: 'tool back' }),
        this.#pin,
        button(t('checklist'), () => this.#newItem(), { icon: 'list', class: 'tool' }),
        button(t('delete'), () => actions.remove(draft.id), { icon: 'trash', class: 'tool' }),
      ),
      this.#problem,
      h('div', { class: 'sheet' }, this.#title, this.#text, this.#items, this.#addItem),
      this.#state,
    )
    this.#fill(draft.note)
    draft.addEventListener('change', this.#follow)
    if (stored || draft.unsaved) this.#showState()
  }

  /** close lets go of the draft. */
  close(): void {
    this.draft.removeEventListener('change', this.#follow)
  }

  /** focus goes to the title of an empty note, else to the text. */
  focus(): void {
    if (this.#title.value || this.#text.value) this.#text.focus()
    else this.#title.focus()
  }

  #read(): Note {
    const items: Item[] = [...this.#items.children].map((li) => ({
      text: li.querySelector<HTMLInputElement>('.item')!.value,
      done: li.querySelector<HTMLInputElement>('[type=checkbox]')!.checked,
    }))
    const pinned = this.#pin.ariaPressed === 'true'
    return { ...this.draft.note, title: this.#title.value, text: this.#text.value, items, pinned }
  }

  #changed(): void {
    this.draft.write(this.#read())
    this.#fit()
  }

  #changedElsewhere(): void {
    this.#fill(this.draft.note)
    this.#showState()
  }

  // Fields are touched only where they differ, so that the caret stays where it is.
  #fill(note: Note): void {
    if (this.#title.value !== note.title) setValue(this.#title, note.title)
    if (this.#text.value !== note.text) setValue(this.#text, note.text)
    this.#showPin(note.pinned)
    note.items.forEach((item, i) => {
      const li = this.#items.children[i] ?? this.#items.appendChild(this.#itemRow())
      const field = li.querySelector<HTMLInputElement>('.item')!
      if (field.value !== item.text) setValue(field, item.text)
      li.querySelector<HTMLInputElement>('[type=checkbox]')!.checked = item.done
    })
    while (this.#items.children.length > note.items.length) this.#items.lastElementChild!.remove()
    this.#numberItems()
    this.#fit()
  }

  // Where the browser cannot size the text to its content by itself.
  #fit(): void {
    if (CSS.supports('field-sizing', 'content')) return
    this.#text.style.height = 'auto'
    this.#text.style.height = this.#text.scrollHeight + 'px'
  }

  #togglePin(): void {
    this.#showPin(this.#pin.ariaPressed !== 'true')
    this.#changed()
    void this.draft.flush()
  }

  #showPin(pinned: boolean): void {
    this.#pin.ariaPressed = String(pinned)
  }

  #showState(): void {
    const { draft } = this
    const states = { changed: 'notYetSaved', saving: 'saving', failed: 'notSaved' } as const
    this.#state.textContent =
      draft.state === 'saved' ? t('saved', { when: when(draft.edited, Date.now()) }) : t(states[draft.state])
    this.#showProblem(draft.error)
  }

  // Said once, not again at each attempt.
  #showProblem(error: unknown): void {
    const code = error === undefined ? '' : codeOf(error) || 'unknown'
    if (this.#problem.dataset.code === code) return
    this.#problem.dataset.code = code
    this.#problem.hidden = !code
    this.#problem.replaceChildren()
    if (!code) return
    this.#problem.append(
      h('p', {}, t('notSavedWhy', { why: errorText(error) }), code !== 'E_TOOBIG' && ' ' + t('keepsTrying')),
      button(t('tryAgain'), () => void this.draft.flush()),
    )
  }

  #newItem(after?: Element): void {
    const li = this.#itemRow()
    if (after) after.after(li)
    else this.#items.append(li)
    this.#numberItems()
    li.querySelector<HTMLInputElement>('.item')!.focus()
    this.#changed()
  }

  #itemRow(): HTMLLIElement {
    const li: HTMLLIElement = h(
      'li',
      {},
      h('label', {}, h('input', { type: 'checkbox', onchange: () => this.#changed() })),
      h('input', {
        class: 'item',
        autocomplete: 'off',
        oninput: () => this.#changed(),
        onkeydown: (e: KeyboardEvent) => this.#itemKey(e, li),
      }),
      button(t('remove'), () => this.#removeItem(li), { class: 'tool', icon: 'close' }),
    )
    return li
  }

  // Enter begins the next item; Backspace in an empty one removes it.
  #itemKey(event: KeyboardEvent, li: HTMLLIElement): void {
    if (event.isComposing) return
    if (event.key === 'Enter') this.#newItem(li)
    else if (event.key === 'Backspace' && (event.target as HTMLInputElement).value === '') this.#removeItem(li)
    else return
    event.preventDefault()
  }

  #removeItem(li: HTMLLIElement): void {
    const next = (li.previousElementSibling ?? li.nextElementSibling)?.querySelector<HTMLInputElement>('.item')
    li.remove()
    this.#numberItems()
    ;(next ?? this.#addItem).focus()
    announce(t('itemRemoved'))
    this.#changed()
  }

  #numberItems(): void {
    const rows = [...this.#items.children]
    rows.forEach((li, i) => {
      li.querySelector('[type=checkbox]')!.ariaLabel = t('itemDone', { n: i + 1 })
      li.querySelector('.item')!.ariaLabel = t('item', { n: i + 1 })
      li.querySelector('button')!.ariaLabel = t('removeItem', { n: i + 1 })
    })
    this.#items.hidden = this.#addItem.hidden = rows.length === 0
  }
}

// A field that has the focus keeps its caret.
function setValue(field: HTMLInputElement | HTMLTextAreaElement, value: string): void {
  const at = document.activeElement === field ? [field.selectionStart, field.selectionEnd] : undefined
  field.value = value
  if (at) field.setSelectionRange(at[0] ?? null, at[1] ?? null)
}
