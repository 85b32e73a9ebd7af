// One note, edited in place. What is typed is saved by itself a moment later.
import { announce, button, errorText, h, icon } from './dom'
import { headline, type Item, merge, type Note, when } from './note'
import type { Notebook } from './notebook'
import { toast } from './toast'

const saveAfterMs = 300

/** EditorActions is what the editor leaves to the page. */
export interface EditorActions {
  back(): void
  remove(id: string): void
}

/** Editor shows and saves one note. It is thrown away when another note is opened. */
export class Editor {
  readonly el: HTMLElement
  private readonly title: HTMLInputElement
  private readonly text: HTMLTextAreaElement
  private readonly items = h('ul', { class: 'items', 'aria-label': 'Checklist' })
  private readonly pin: HTMLButtonElement
  private readonly addItem: HTMLButtonElement
  private readonly state = h('p', { class: 'state' })
  private readonly problem = h('div', { class: 'problem', role: 'alert', hidden: true })
  private dirty = false
  private underway = false // a save is: what arrives meanwhile may be what it overwrites, and is merged
  private timer: ReturnType<typeof setTimeout> | undefined
  private saving: Promise<void> = Promise.resolve()

  /** base is the note as it is stored, on which what is typed here builds. */
  constructor(
    private readonly book: Notebook,
    readonly id: string,
    private base: Note,
    actions: EditorActions,
  ) {
    const changed = () => this.changed()
    this.title = h('input', {
      class: 'title',
      'aria-label': 'Title',
      placeholder: 'Title',
      autocomplete: 'off',
      oninput: changed,
    })
    this.text = h('textarea', {
      class: 'text',
      'aria-label': 'Text',
      placeholder: 'Write here',
      autocomplete: 'off', // or the browser writes it in the clear into what it restores tabs from
      rows: 1,
      oninput: changed,
    })
    this.pin = button('Pin', () => this.togglePin(), { icon: 'pin', class: 'tool' })
    this.addItem = button('Add item', () => this.newItem(), { icon: 'plus', class: 'quiet add-item' })
    this.el = h(
      'article',
      { class: 'note', 'aria-label': 'Note' },
      h(
        'div',
        { class: 'tools', role: 'group', 'aria-label': 'This note' },
        button('All notes', actions.back, { icon: 'back', class: 'tool back' }),
        this.pin,
        button('Checklist', () => this.newItem(), { icon: 'list', class: 'tool' }),
        button('Delete', () => actions.remove(id), { icon: 'trash', class: 'tool' }),
      ),
      this.problem,
      h('div', { class: 'sheet' }, this.title, this.text, this.items, this.addItem),
      this.state,
    )
    this.fill(base)
    if (book.notes.has(id)) this.showState()
  }

  /** focus goes to the title of an empty note, else to the text. */
  focus(): void {
    if (this.title.value || this.text.value) this.text.focus()
    else this.title.focus()
  }

  /** unsaved says whether something typed is not stored yet. */
  get unsaved(): boolean {
    return this.dirty || this.underway
  }

  /** read is the note as it stands on the screen. */
  read(): Note {
    const items: Item[] = [...this.items.children].map((li) => ({
      text: li.querySelector<HTMLInputElement>('.item')!.value,
      done: li.querySelector<HTMLInputElement>('[type=checkbox]')!.checked,
    }))
    const pinned = this.pin.ariaPressed === 'true'
    return { ...this.base, title: this.title.value, text: this.text.value, items, pinned }
  }

  /** take is told of a newer stored note. What was typed here meanwhile stays; what cannot be joined becomes a note of its own. */
  take(theirs: Note, from: string): void {
    const base = this.base
    this.base = theirs
    if (!this.unsaved) {
      this.fill(theirs)
      this.showState()
      return
    }
    const { note, clash } = merge(base, this.read(), theirs)
    this.fill(note)
    this.changed()
    if (clash) void this.keepApart(theirs, from)
  }

  /** flush saves at once what is not saved. */
  flush(): Promise<void> {
    clearTimeout(this.timer)
    if (this.dirty) this.saving = this.saving.then(() => this.save())
    return this.saving
  }

  private async save(): Promise<void> {
    if (!this.dirty) return
    const base = this.base
    const note = { ...this.read(), edited: Date.now() }
    this.dirty = false
    this.underway = true
    this.showState('Saving…')
    try {
      const copies = await this.book.save(this.id, note)
      if (this.base === base) this.base = note
      this.problem.hidden = true
      if (copies > 0) toast('This note was changed on another device, too. That version is now a note of its own.')
      if (!this.dirty) this.showState()
    } catch (error) {
      this.dirty = true
      this.showProblem(errorText(error))
    } finally {
      this.underway = false
    }
  }

  private async keepApart(theirs: Note, from: string): Promise<void> {
    await this.book.add(theirs)
    toast(
      `${from === 'tab' ? 'Another tab' : from === 'device' ? 'Another device' : from} changed the same lines. That version is now a note of its own.`,
    )
  }

  private changed(): void {
    this.dirty = true
    this.showState('Not saved yet')
    this.fit()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.flush(), saveAfterMs)
  }

  // Fields are touched only where they differ, so that the caret stays where it is.
  private fill(note: Note): void {
    if (this.title.value !== note.title) setValue(this.title, note.title)
    if (this.text.value !== note.text) setValue(this.text, note.text)
    this.showPin(note.pinned)
    note.items.forEach((item, i) => {
      const li = this.items.children[i] ?? this.items.appendChild(this.itemRow())
      const field = li.querySelector<HTMLInputElement>('.item')!
      if (field.value !== item.text) setValue(field, item.text)
      li.querySelector<HTMLInputElement>('[type=checkbox]')!.checked = item.done
    })
    while (this.items.children.length > note.items.length) this.items.lastElementChild!.remove()
    this.numberItems()
    this.fit()
  }

  // Where the browser cannot size the text to its content by itself.
  private fit(): void {
    if (CSS.supports('field-sizing', 'content')) return
    this.text.style.height = 'auto'
    this.text.style.height = this.text.scrollHeight + 'px'
  }

  private togglePin(): void {
    this.showPin(this.pin.ariaPressed !== 'true')
    this.changed()
    void this.flush()
  }

  private showPin(pinned: boolean): void {
    this.pin.ariaPressed = String(pinned)
  }

  private showState(now?: string): void {
    const edited = when(this.base.edited, Date.now())
    this.state.textContent = now ?? `Edited ${edited} · Saved on this device`
  }

  private showProblem(text: string): void {
    this.problem.replaceChildren(
      h('p', {}, 'Not saved. ' + text),
      button('Try again', () => void this.flush()),
    )
    this.problem.hidden = false
    this.showState('Not saved')
  }

  private newItem(after?: Element): void {
    const li = this.itemRow()
    if (after) after.after(li)
    else this.items.append(li)
    this.numberItems()
    li.querySelector<HTMLInputElement>('.item')!.focus()
    this.changed()
  }

  private itemRow(): HTMLLIElement {
    const li: HTMLLIElement = h(
      'li',
      {},
      h('label', {}, h('input', { type: 'checkbox', onchange: () => this.changed() })),
      h('input', {
        class: 'item',
        autocomplete: 'off',
        oninput: () => this.changed(),
        onkeydown: (e: KeyboardEvent) => this.itemKey(e, li),
      }),
      button('Remove', () => this.removeItem(li), { class: 'tool', icon: 'close' }),
    )
    return li
  }

  // Enter begins the next item; Backspace in an empty one removes it.
  private itemKey(event: KeyboardEvent, li: HTMLLIElement): void {
    if (event.isComposing) return
    if (event.key === 'Enter') this.newItem(li)
    else if (event.key === 'Backspace' && (event.target as HTMLInputElement).value === '') this.removeItem(li)
    else return
    event.preventDefault()
  }

  private removeItem(li: HTMLLIElement): void {
    const next = (li.previousElementSibling ?? li.nextElementSibling)?.querySelector<HTMLInputElement>('.item')
    li.remove()
    this.numberItems()
    ;(next ?? this.addItem).focus()
    announce('Item removed')
    this.changed()
  }

  private numberItems(): void {
    const rows = [...this.items.children]
    rows.forEach((li, i) => {
      li.querySelector('[type=checkbox]')!.ariaLabel = `Item ${i + 1} done`
      li.querySelector('.item')!.ariaLabel = `Item ${i + 1}`
      li.querySelector('button')!.ariaLabel = `Remove item ${i + 1}`
    })
    this.items.hidden = this.addItem.hidden = rows.length === 0
  }
}

// A field that has the focus keeps its caret.
function setValue(field: HTMLInputElement | HTMLTextAreaElement, value: string): void {
  const at = document.activeElement === field ? [field.selectionStart, field.selectionEnd] : undefined
  field.value = value
  if (at) field.setSelectionRange(at[0] ?? null, at[1] ?? null)
}

/** readOnly shows a note's content without a way to change it. */
export function readOnly(note: Note): HTMLElement {
  return h(
    'div',
    { class: 'read' },
    h('p', { class: 'headline' }, headline(note)),
    note.text && h('p', { class: 'body' }, note.text),
    note.items.length > 0 &&
      h(
        'ul',
        {},
        ...note.items.map((item) =>
          h(
            'li',
            { class: item.done && 'done' },
            item.done && icon('check'),
            item.text,
            item.done && h('span', { class: 'unseen' }, ' (done)'),
          ),
        ),
      ),
  )
}
